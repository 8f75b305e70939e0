import type { Checkpoint } from '../../../src/contract/checkpoint.ts';
import type { EffectCall } from '../../../src/contract/effect-call.ts';
import type { Model } from '../../../src/providers/model.ts';
import { anAllowance } from '../../helpers/allowance.ts';
import { aSession } from '../../helpers/tools.ts';
import type { Ended, Order, ToolRun } from '../order.ts';
import type { System } from './system.ts';
import { toolsNoting } from './tools.ts';

/** The mark that ties background responses to this conversation; the provider adds it to stored responses. */
const OWNER = { toolset: 'fuzz', session: aSession(), restores: true, faultCode: 'INTERNAL' as const };
const MARK = { errand_deployment: 'fuzz', errand_task: 'fuzz' };
const KEY = 'sk-fuzz-0123456789abcdef';
const PRICE = { input: 3, output: 15 };
const SHORT_MS = 250;
const LONG_MS = 60_000;

/** The state that an attempt finds when it takes over. */
export type Found = { checkpoints: Checkpoint[]; effects: EffectCall[]; response: string | undefined };

/** The work of a child, and its records. */
export type Held = {
  ended: Ended;
  error: unknown;
  text: string;
  checkpoints: Checkpoint[];
  effects: EffectCall[];
  runs: ToolRun[];
  response: string | undefined;
};

/** On the messages wire efforts depend on the model: some models think within a budget. */
function modelNameOf({ wire, setup }: Order): string {
  return wire === 'messages' && setup.effort === 'high' ? 'claude-sonnet-4-5' : 'fuzz-1';
}

function providerOf({ Provider }: System, order: Order, url: string) {
  const limit = order.isHanging ? SHORT_MS : LONG_MS;
  const model = modelNameOf(order);
  return Provider.parse({
    name: 'acme',
    wire: order.wire,
    base_url: order.wire === 'messages' ? url : `${url}/v1`,
    credential: 'env:ACME_API_KEY',
    prices: { [model]: PRICE },
    efforts: { [model]: ['none', 'low', 'high'] },
    background: order.wire === 'responses' && order.setup.isBackground,
    timeouts: { headers_ms: limit, first_token_ms: limit, idle_ms: limit, turn_ms: limit * 2 },
  });
}

/** Runs one conversation through the real client and the real loop. */
export async function hold(system: System, order: Order, url: string, found: Found): Promise<Held> {
  const provider = providerOf(system, order, url);
  const credential = { id: 'env:ACME_API_KEY', secret: new system.Secret(KEY) };
  const { effort } = order.setup;
  const route = { model: modelNameOf(order), ...(effort !== null && { reasoning_effort: effort }) };
  const models = new system.Models();
  const handle = await models.open({ provider, route, credential });
  const kept: { checkpoints: Checkpoint[]; effects: EffectCall[] } = { checkpoints: [], effects: [] };
  const runs: ToolRun[] = [];
  let { response } = found;
  const tied: Model = {
    turn: (request, signal) => {
      const note = async (id: string) => {
        response = id;
      };
      return handle.model.turn({ ...request, background: { known: response, mark: MARK, note } }, signal);
    },
  };
  const child = new system.Child({
    prompt: { system: 'You find out.', first: { role: 'user', text: 'Find out.' } },
    model: tied,
    tools: new system.Tools(toolsNoting(runs).map((tool) => ({ tool, ...OWNER }))),
    allowance: anAllowance({ turns: 6, outputTokensPerTurn: 8_000, turnsWithoutProgress: 50 }),
    shouldYield: () => false,
    recorded: found.checkpoints,
    record: async (checkpoint) => {
      kept.checkpoints.push(checkpoint);
      response = undefined;
    },
    effects: found.effects,
    journal: async (call) => {
      kept.effects = [...kept.effects.filter(({ id }) => id !== call.id), call];
    },
    observer: { begin: () => () => undefined },
    label: { taskId: 'fuzzed', epoch: 1, provider: provider.name, model: route.model, effort: effort ?? undefined },
  });
  const { ended, error } = await endOf(system, () => child.run(new AbortController().signal));
  if (response !== undefined)
    await models
      .cancel(provider, credential, { id: response, mark: MARK }, AbortSignal.timeout(SHORT_MS))
      .catch(() => 'failed');
  await handle.close();
  return { ended, error, text: child.text, ...kept, runs, response };
}

async function endOf({ isErrandError }: System, run: () => Promise<string>): Promise<{ ended: Ended; error: unknown }> {
  try {
    return { ended: { status: 'answered', text: await run() }, error: undefined };
  } catch (error) {
    const told = error instanceof Error ? error : new Error(String(error));
    const message = `${told.name}: ${told.message.slice(0, 500)}`;
    if (isErrandError(error)) return { ended: { status: 'failed', code: error.code, message }, error };
    return { ended: { status: 'failed', message: `${message} ${told.stack?.split('\n')[1]?.trim() ?? ''}` }, error };
  }
}
