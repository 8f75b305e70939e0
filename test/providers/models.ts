import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { Secret } from '../../src/base/secret.ts';
import { Provider } from '../../src/catalogue/provider.ts';
import type { ReasoningEffort } from '../../src/contract/effort.ts';
import type { Wire } from '../../src/contract/route.ts';
import type { Directive } from '../../src/entries/simulator.ts';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import { ErrandError } from '../../src/errors.ts';
import type { Model, TurnRequest } from '../../src/providers/model.ts';
import { type ModelHandle, Models } from '../../src/providers/models.ts';

export const WIRES: Wire[] = ['responses', 'chat', 'messages'];

export const KEY = 'sk-planted-4f9b2c7d1e';

/** A provider of one wire at a server; the SDK of the messages wire adds `/v1` itself. */
export function providerAt(wire: Wire, url: string, more: Record<string, unknown> = {}): Provider {
  return Provider.parse({
    name: 'acme',
    wire,
    base_url: wire === 'messages' ? url : `${url}/v1`,
    credential: 'env:ACME_API_KEY',
    ...more,
  });
}

/** A model behind a provider, for a model name that the wire knows and an effort. */
export function openModel(provider: Provider, model = 'sim-model', effort?: ReasoningEffort): Promise<ModelHandle> {
  return new Models().open({
    provider,
    route: { model, reasoning_effort: effort },
    credential: { id: 'env:ACME_API_KEY', secret: new Secret(KEY) },
  });
}

/** The same, for tests that only call it. */
export function modelOf(...route: Parameters<typeof openModel>): { model: Model } {
  const opening = openModel(...route);
  return { model: { turn: async (request, signal) => (await opening).model.turn(request, signal) } };
}

/** One user's question, and what a test wants to add. */
export function ask(text = 'How are you?', more: Partial<TurnRequest> = {}): TurnRequest {
  return { system: 'Be brief.', transcript: [{ role: 'user', text }], tools: [], maxOutputTokens: 2_000, ...more };
}

/** A simulator that does what the directives say, one request after the other. */
export function simulate(...steps: Directive[]): Promise<Simulator> {
  return startSimulator({ script: { rules: steps.length > 0 ? [{ match: {}, steps }] : [] } });
}

/** Makes one call that must fail, and hands out the error. */
export async function faultOfTurn(provider: Provider, signal = new AbortController().signal): Promise<ErrandError> {
  const outcome = await modelOf(provider)
    .model.turn(ask(), signal)
    .catch((error: unknown) => error);
  if (outcome instanceof ErrandError) return outcome;
  throw new Error(`expected an ErrandError, got ${String(outcome)}`);
}

/** A bare server for what the simulator does not do. */
export async function serve(listener: RequestListener): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Answers with server-sent events; each is `[event name, data]`. */
export function sendEvents(res: ServerResponse, events: [string | null, unknown][]): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const [name, data] of events) {
    res.write(
      `${name === null ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
    );
  }
  res.end();
}
