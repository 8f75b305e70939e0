import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import { drain, errorOf, nextRequest } from './probes.ts';
import { clientFor, type WireClient } from './wire-clients.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.clearRequests());
afterAll(() => simulator.close());

const TERMINAL = /response\.completed|"finish_reason":"|message_stop/;

describe.each(['responses', 'chat', 'messages'] as const)('%s', (wire) => {
  let client: WireClient;
  beforeAll(() => {
    client = clientFor(wire, simulator.url);
  });

  test('hangs before the headers until the client aborts, and logs the closed socket', async () => {
    const aborting = new AbortController();
    const received = nextRequest(simulator, 'received');
    const ended = nextRequest(simulator, 'ended');
    const call = drain(client, '[[sim: hang=headers]]', aborting.signal);
    await received;
    expect(simulator.inFlight).toBe(1);
    aborting.abort();
    expect(await ended).toMatchObject({ status: null, ended: 'client_closed' });
    expect((await call).thrown).toBeDefined();
    expect(simulator.inFlight).toBe(0);
  });

  test('sends headers and no event with hang=body', async () => {
    const aborting = new AbortController();
    const ended = nextRequest(simulator, 'ended');
    const events = await client.events({ prompt: '[[sim: hang=body]]', signal: aborting.signal });
    aborting.abort();
    for await (const event of events) expect.unreachable(JSON.stringify(event));
    expect(await ended).toMatchObject({ status: 200, ended: 'client_closed' });
  });

  test('stalls a stream after the directed deltas', async () => {
    const aborting = new AbortController();
    const ended = nextRequest(simulator, 'ended');
    let seen = '';
    const prompt = '[[sim: hang=stream after=2 text="one two three"]]';
    for await (const event of await client.events({ prompt, signal: aborting.signal })) {
      seen += JSON.stringify(event);
      if (seen.includes('two')) aborting.abort();
    }
    expect(seen).toContain('"one ');
    expect(seen).not.toContain('thr');
    expect(await ended).toMatchObject({ status: 200, ended: 'client_closed' });
  });

  test('resets the connection in the stream', async () => {
    const ended = nextRequest(simulator, 'ended');
    const { text, thrown } = await drain(client, '[[sim: cut=reset after=2 text="one two three"]]');
    expect(thrown).toBeInstanceOf(TypeError);
    expect(text).not.toMatch(TERMINAL);
    expect(await ended).toMatchObject({ status: 200, ended: 'cut' });
  });

  test('resets the connection before the headers', async () => {
    const error = await errorOf(client.create({ prompt: '[[sim: cut=headers]]' }));
    expect(error.status).toBeUndefined();
    expect(error.constructor.name).toBe('APIConnectionError');
  });

  test('ends a stream in order without its terminal event, which the SDK does not notice', async () => {
    const ended = nextRequest(simulator, 'ended');
    const { text, thrown } = await drain(client, '[[sim: cut=clean after=2 text="one two three"]]');
    expect(thrown).toBeUndefined();
    expect(text).toContain('"one ');
    expect(text).not.toMatch(TERMINAL);
    expect(await ended).toMatchObject({ ended: 'cut' });
  });

  test.each(['cut=reset', 'cut=clean', 'malformed=json'])(
    'breaks a whole answer in its middle with %s',
    async (fault) => {
      await expect(client.create({ prompt: `[[sim: ${fault}]]` })).rejects.toThrow();
      expect(simulator.requests()).toMatchObject([{ status: 200 }]);
    },
  );

  test('stops in the middle of a whole answer with hang=stream', async () => {
    const aborting = new AbortController();
    const received = nextRequest(simulator, 'received');
    const ended = nextRequest(simulator, 'ended');
    const failing = expect(
      client.create({ prompt: '[[sim: hang=stream]]', signal: aborting.signal }),
    ).rejects.toThrow();
    await received;
    aborting.abort();
    await failing;
    expect(await ended).toMatchObject({ ended: 'client_closed' });
  });

  test('leaves the wait for latency_ms when the client does', async () => {
    const aborting = new AbortController();
    const received = nextRequest(simulator, 'received');
    const ended = nextRequest(simulator, 'ended');
    const call = drain(client, '[[sim: latency_ms=60000]]', aborting.signal);
    await received;
    aborting.abort();
    await call;
    expect(await ended).toMatchObject({ status: null, ended: 'client_closed' });
  });

  test('sends broken JSON in the stream', async () => {
    const prompt = '[[sim: malformed=json after=1]]';
    expect((await drain(client, prompt)).thrown).toBeInstanceOf(SyntaxError);
  });

  test('sends a web page in place of the protocol', async () => {
    const { text, thrown } = await drain(client, '[[sim: malformed=html]]');
    expect({ text, thrown }).toEqual({ text: '[]', thrown: undefined });
  });

  test('sends an error event in the stream, or a status 500 where nothing is streamed', async () => {
    const prompt = '[[sim: fail=event after=1 code=boom error_type=overloaded_error message="Fell over."]]';
    const { text, thrown } = await drain(client, prompt);
    expect(text).not.toBe('[]');
    expect(thrown).toMatchObject({ status: undefined, type: 'overloaded_error' });
    expect(String(thrown)).toContain('Fell over.');
    expect((await errorOf(client.create({ prompt }))).status).toBe(500);
  });
});

test('fails the whole response on the Responses wire', async () => {
  const client = clientFor('responses', simulator.url);
  const { text, thrown } = await drain(client, '[[sim: fail=response after=1 code=server_error message="Gave up."]]');
  expect(thrown).toBeUndefined();
  expect(text).toContain('"type":"response.failed"');
  expect(text).toContain('"error":{"code":"server_error","message":"Gave up."}');
});
