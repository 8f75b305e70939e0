import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import { NO_USAGE } from '../../src/contract/usage.ts';
import { startSimulator } from '../../src/entries/simulator.ts';
import { SpendRecords } from '../../src/records/spend-records.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import type { Observer } from '../../src/telemetry/observer.ts';
import { aDeployment, type Deployment, simulatedProviders } from '../helpers/deployment.ts';
import { at } from '../helpers/moments.ts';
import { openRedis, storedIn } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';

/** One US dollar for a million input tokens, ten for a million output tokens. */
const PRICE = { input: 1, output: 10 };
const MAX_OUTPUT = 1_000;
const BILLED = 4_096;

/** A deployment whose providers have prices, and give a task five tries. */
async function aPricedDeployment(over: Record<string, object> = {}): Promise<Deployment> {
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const priced = Object.entries(simulatedProviders(simulator.url)).map(([name, provider]) => {
    const { default_model: model } = provider as { default_model: string };
    return [name, { ...provider, prices: { [model]: PRICE }, max_output_tokens: MAX_OUTPUT, ...over[name] }];
  });
  return aDeployment({ settings: { providers: Object.fromEntries(priced), tasks: { tries: 5, backoff_ms: 5 } } });
}

type TaskInput = { goal: string; provider: string; budget?: object };

/** Ways to cut a call off after the provider has begun its answer. */
const FAULTS = ['cut=reset after=1', 'cut=clean after=1', 'fail=event after=1', 'malformed=json after=1'];
const faults = FAULTS.map((fault) => `[[sim: ${fault} times=1]]`).join(' ');

async function outcomeOf({ producer, startWorker, outcomesOf }: Deployment, task: TaskInput) {
  await startWorker();
  const { batch_id: batchId } = await producer.enqueue({ tasks: [task] });
  const summary = await producer.settled(batchId);
  const [outcome = expect.fail('there is no outcome')] = await outcomesOf(batchId);
  return { batchId, summary, outcome, status: await producer.status(batchId) };
}

function costOf({ input_tokens, output_tokens }: { input_tokens: number; output_tokens: number }): number {
  return (input_tokens * PRICE.input + output_tokens * PRICE.output) / 1e6;
}

test('four of five calls are cut off: all five inputs count if reported early', async () => {
  const deployment = await aPricedDeployment();
  const goal = `Answer [[sim: input_tokens=${BILLED}]] ${faults}`;
  const { outcome, summary, status } = await outcomeOf(deployment, { goal, provider: 'anthropic' });
  expect(outcome).toMatchObject({ status: 'succeeded', turns: 1, usage: { input_tokens: 5 * BILLED } });
  expect(outcome.cost_usd).toBeCloseTo(costOf(outcome.usage), 10);
  expect(outcome).not.toHaveProperty('calls_of_unknown_cost');
  expect(outcome.calls_possibly_paid_twice).toBe(4);
  expect(outcome.possibly_paid_twice_usd).toBeCloseTo(
    4 * costOf({ input_tokens: BILLED, output_tokens: MAX_OUTPUT }),
    10,
  );
  expect(summary).toMatchObject({ usage: outcome.usage, cost_usd: outcome.cost_usd, unpriced_tasks: 0 });
  expect(status).not.toHaveProperty('calls_of_unknown_cost');
});

test.each(['local', 'openai'])(
  'calls that %s cuts off before it reports usage count as calls of unknown cost',
  async (provider) => {
    const deployment = await aPricedDeployment();
    const goal = `Answer [[sim: input_tokens=${BILLED}]] ${faults}`;
    const { outcome, summary, status, batchId } = await outcomeOf(deployment, { goal, provider });
    const known = costOf(outcome.usage);
    expect(outcome).toMatchObject({ status: 'succeeded', cost_usd: null, usage: { input_tokens: BILLED } });
    expect(outcome.calls_of_unknown_cost).toBe(4);
    expect(outcome.known_cost_usd).toBeCloseTo(known, 10);
    expect(outcome.possibly_paid_twice_usd).toBeCloseTo(
      4 * costOf({ input_tokens: BILLED, output_tokens: MAX_OUTPUT }),
      10,
    );
    expect(summary).toMatchObject({ cost_usd: null, unpriced_tasks: 1, calls_of_unknown_cost: 4 });
    expect(summary.known_cost_usd).toBeCloseTo(known, 10);
    expect(status).toMatchObject({ calls_of_unknown_cost: 4, summary: { calls_of_unknown_cost: 4 } });
    await expectPlainRecords(deployment, batchId);
  },
);

/** Workers and producers of 0.1.0 refuse a record with an unknown field. */
async function expectPlainRecords({ prefix }: Deployment, batchId: string): Promise<void> {
  const stored = storedIn(prefix);
  const texts = [await stored.outcome(taskIdOf(batchId, 0)), await stored.summary(batchId)];
  for (const text of texts) expect(text).toContain('"version":1');
  for (const text of texts) expect(text).not.toMatch(/unknown_cost|known_cost|unpriced_models|is_unpriced/);
}

test.each<[string, object]>([
  ['stalls', { idle_seconds: 1 }],
  ['takes too long', { turn_seconds: 2 }],
])('a task fails with what its calls cost, if each of them %s', async (_, budget) => {
  const deployment = await aPricedDeployment();
  const goal = `Answer [[sim: hang=stream after=1 input_tokens=${BILLED}]]`;
  const { outcome, summary } = await outcomeOf(deployment, { goal, provider: 'anthropic', budget });
  expect(outcome).toMatchObject({ status: 'failed', turns: 0, usage: { input_tokens: 5 * BILLED } });
  expect(outcome.cost_usd).toBeCloseTo(costOf(outcome.usage), 10);
  expect(outcome.calls_possibly_paid_twice).toBe(4);
  expect(outcome.possibly_paid_twice_usd).toBeCloseTo(
    4 * costOf({ input_tokens: BILLED, output_tokens: MAX_OUTPUT }),
    10,
  );
  expect(summary).toMatchObject({ usage: outcome.usage, cost_usd: outcome.cost_usd });
});

test('a task whose calls all stall unseen has an unknown cost with an upper bound', async () => {
  const deployment = await aPricedDeployment();
  const goal = 'Answer [[sim: hang=stream after=1]]';
  const budget = { idle_seconds: 0.1 };
  const { outcome, summary } = await outcomeOf(deployment, { goal, provider: 'local', budget });
  expect(outcome).toMatchObject({ status: 'failed', cost_usd: null, calls_of_unknown_cost: 5, known_cost_usd: 0 });
  expect(summary).toMatchObject({ cost_usd: null, unpriced_tasks: 1, calls_of_unknown_cost: 5 });
  expect(outcome.possibly_paid_twice_usd).toBeGreaterThan(4 * costOf({ input_tokens: 0, output_tokens: MAX_OUTPUT }));
  expect(outcome.possibly_paid_twice_usd).toBeLessThan(4 * costOf({ input_tokens: 3_000, output_tokens: MAX_OUTPUT }));
});

test('a batch names the models without a price in summary, status and board', async () => {
  const deployment = await aPricedDeployment({ local: { prices: {} } });
  const { producer, startWorker, outcomesOf, prefix } = deployment;
  await startWorker();
  const tasks = ['local', 'openai', 'local'].map((provider) => ({ goal: 'Answer', provider }));
  const { batch_id: batchId } = await producer.enqueue({ tasks });
  const summary = await producer.settled(batchId);
  const model = { provider: 'local', model: 'local-1', tasks: 2, calls: 2 };
  expect(summary).toMatchObject({ cost_usd: null, unpriced_tasks: 2, unpriced_models: [model] });
  const outcomes = await outcomesOf(batchId);
  expect(outcomes.map(({ is_unpriced }) => is_unpriced)).toEqual([true, undefined, true]);
  await expectPlainRecords(deployment, batchId);
  const redis = openRedis();
  const shown = async (key: string) => JSON.parse((await redis.hget(`${prefix}:${key}`, 'returnvalue')) ?? 'null');
  await expect
    .poll(() => shown(`batches:${batchId}`))
    .toMatchObject({
      cost: expect.stringMatching(/^\$0\.\d{4} and 2 tasks without a price for local-1$/),
    });
  expect(await shown(`tasks-local:${taskIdOf(batchId, 0)}`)).toMatchObject({ cost: 'no price' });
});

test('a cancelled task counts the tokens of the call that was cut short [B121]', async () => {
  const deployment = await aPricedDeployment();
  const { producer, startWorker, outcomesOf } = deployment;
  const { observer, streaming } = callsStreaming(2);
  await startWorker({}, {}, [observer]);
  const goal = `Answer [[sim: hang=stream after=2 input_tokens=${BILLED}]]`;
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [
      { goal, provider: 'anthropic' },
      { goal, provider: 'local' },
    ],
  });
  await streaming;
  await producer.cancel(batchId, 'enough');
  await producer.settled(batchId);
  const [seen, unseen] = await outcomesOf(batchId);
  expect(seen).toMatchObject({ status: 'cancelled', call_usage: { input_tokens: BILLED } });
  expect(seen?.usage.input_tokens).toBe(BILLED);
  expect(seen?.cost_usd).toBeCloseTo(costOf(seen?.usage ?? expect.fail()), 10);
  expect(unseen).toMatchObject({ status: 'cancelled', cost_usd: null, calls_of_unknown_cost: 1, known_cost_usd: 0 });
});

/** An observer, and a promise that resolves once it saw this many tasks receive text of a running call. */
function callsStreaming(count: number): { observer: Observer; streaming: Promise<void> } {
  const seen = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const observer = at('mid_stream', (taskId) => {
    if (seen.add(taskId).size === count) resolve();
  });
  return { observer, streaming: promise };
}

test('a call that is refused, or that never reaches the provider, costs nothing', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const deployment = await aPricedDeployment({ acme: { base_url: `http://127.0.0.1:${port}/v1`, credential: 'none' } });
  const { producer, startWorker, outcomesOf } = deployment;
  await startWorker();
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [
      { goal: 'Nobody listens', provider: 'acme' },
      { goal: 'Refused [[sim: status=500]]', provider: 'local' },
    ],
  });
  const summary = await producer.settled(batchId);
  const free = { status: 'failed', cost_usd: 0, calls_possibly_paid_twice: 0 };
  expect(await outcomesOf(batchId)).toMatchObject([
    { ...free, failure: { code: 'PROVIDER_UNREACHABLE' } },
    { ...free, failure: { code: 'PROVIDER_FAILED' } },
  ]);
  expect(summary).toMatchObject({ cost_usd: 0, unpriced_tasks: 0 });
});

test('a lost attempt may have been in a call: its cost is unknown and bounded [B121]', async () => {
  const deployment = await aPricedDeployment();
  const { producer, prefix, startWorker, outcomesOf } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ tasks: [{ goal: 'Go on', provider: 'local' }] });
  const tasks = new TaskRecords(openRedis(), prefix, new Redactor());
  await tasks.open(taskIdOf(batchId, 0), 'local', 'doomed');
  await startWorker();
  const summary = await producer.settled(batchId);
  const [outcome] = await outcomesOf(batchId);
  expect(outcome).toMatchObject({ status: 'succeeded', cost_usd: null, calls_of_unknown_cost: 1 });
  expect(outcome?.known_cost_usd).toBeCloseTo(costOf(outcome?.usage ?? expect.fail()), 10);
  expect(outcome?.possibly_paid_twice_usd).toBeGreaterThan(0);
  expect(summary).toMatchObject({ calls_of_unknown_cost: 1, known_cost_usd: outcome?.known_cost_usd });
});

test('the spend that an attempt writes after it lost its task counts too', async () => {
  const deployment = await aPricedDeployment();
  const { producer, prefix, startWorker, outcomesOf } = deployment;
  const goal = 'Go on [[sim: delta_ms=50 tokens=20]]';
  const { batch_id: batchId } = await producer.enqueue({ tasks: [{ goal, provider: 'local' }] });
  const redis = openRedis();
  const taskId = taskIdOf(batchId, 0);
  await new TaskRecords(redis, prefix, new Redactor()).open(taskId, 'local', 'stalled');
  const { observer, streaming } = callsStreaming(1);
  await startWorker({}, {}, [observer]);
  await streaming;
  const usage = { ...NO_USAGE, input_tokens: BILLED };
  const late = { usage, known_cost_usd: BILLED / 1e6, calls_of_unknown_cost: 0 };
  await new SpendRecords(redis, prefix).note(taskId, 1, late);
  await producer.settled(batchId);
  const [outcome] = await outcomesOf(batchId);
  expect(outcome).toMatchObject({ status: 'succeeded', attempts: [{ ended: 'lost' }, { ended: 'succeeded' }] });
  expect(outcome?.usage.input_tokens).toBeGreaterThan(BILLED);
  expect(outcome?.cost_usd).toBeCloseTo(costOf(outcome?.usage ?? expect.fail()), 10);
});

test('what a task with an unreadable record cost is unknown', async () => {
  const deployment = await aPricedDeployment();
  const { producer, prefix, startWorker, outcomesOf } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ tasks: [{ goal: 'Go on', provider: 'local' }] });
  const redis = openRedis();
  const tasks = new TaskRecords(redis, prefix, new Redactor());
  await tasks.open(taskIdOf(batchId, 0), 'local', 'doomed');
  await givenIn(prefix, redis).turn(taskIdOf(batchId, 0), { version: 1, turn: 'first' });
  await startWorker();
  const summary = await producer.settled(batchId);
  expect(await outcomesOf(batchId)).toMatchObject([
    { failure: { code: 'RECORD_UNREADABLE' }, cost_usd: null, calls_of_unknown_cost: 1, known_cost_usd: 0 },
  ]);
  expect(summary).toMatchObject({ cost_usd: null, unpriced_tasks: 1, calls_of_unknown_cost: 1 });
});

test('attempts that were all lost have an upper bound too', async () => {
  const deployment = await aPricedDeployment();
  const { producer, prefix, startWorker, outcomesOf } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ tasks: [{ goal: 'Go on', provider: 'local' }] });
  const tasks = new TaskRecords(openRedis(), prefix, new Redactor());
  for (const worker of ['one', 'two', 'three']) await tasks.open(taskIdOf(batchId, 0), 'local', worker);
  await startWorker();
  await producer.settled(batchId);
  const [outcome] = await outcomesOf(batchId);
  expect(outcome).toMatchObject({
    status: 'failed',
    failure: { code: 'CRASH_LOOP' },
    calls_of_unknown_cost: 3,
  });
  expect(outcome?.calls_possibly_paid_twice).toBe(2);
  expect(outcome?.possibly_paid_twice_usd).toBeGreaterThan(2 * costOf({ input_tokens: 0, output_tokens: MAX_OUTPUT }));
});

const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const chunk = (fields: object) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', ...fields })}\n\n`;

const STRANGE_ENDS: [string, string, object, string][] = [
  [
    'messages',
    'PROVIDER_FAILED',
    { default_model: 'claude-x', wire: 'messages' },
    event('message_start', { message: { id: 'm', content: [], usage: { input_tokens: BILLED, output_tokens: 1 } } }) +
      event('message_delta', { delta: { stop_reason: 'struck_by_lightning' }, usage: { output_tokens: 7 } }) +
      event('message_stop', {}),
  ],
  [
    'messages',
    'CONTEXT_TOO_LONG',
    { default_model: 'claude-x', wire: 'messages' },
    event('message_start', { message: { id: 'm', content: [], usage: { input_tokens: BILLED, output_tokens: 1 } } }) +
      event('message_delta', { delta: { stop_reason: 'model_context_window_exceeded' }, usage: { output_tokens: 7 } }) +
      event('message_stop', {}),
  ],
  [
    'chat',
    'PROVIDER_FAILED',
    { default_model: 'chat-x', wire: 'chat' },
    chunk({ choices: [{ index: 0, delta: { content: 'x' }, finish_reason: 'struck_by_lightning' }] }) +
      chunk({ choices: [], usage: { prompt_tokens: BILLED, completion_tokens: 7, total_tokens: BILLED + 7 } }) +
      'data: [DONE]\n\n',
  ],
  [
    'responses',
    'PROVIDER_FAILED',
    { default_model: 'gpt-x', wire: 'responses' },
    event('response.created', { response: { id: 'r', status: 'in_progress' } }) +
      event('response.failed', {
        response: {
          id: 'r',
          status: 'failed',
          error: { code: 'server_error', message: 'struck by lightning' },
          usage: { input_tokens: BILLED, output_tokens: 7, total_tokens: BILLED + 7 },
        },
      }),
  ],
];

test.each(STRANGE_ENDS)(
  'a turn of %s that ends with %s is counted as the provider billed it',
  async (_, code, provider, body) => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { default_model: model } = provider as { default_model: string };
    const strange = {
      ...provider,
      base_url: `http://127.0.0.1:${port}`,
      credential: 'none',
      prices: { [model]: PRICE },
    };
    const deployment = await aDeployment({ settings: { providers: { strange }, tasks: { tries: 1 } } });
    const { outcome } = await outcomeOf(deployment, { goal: 'Answer', provider: 'strange' });
    expect(outcome).toMatchObject({
      status: 'failed',
      failure: { code },
      usage: { input_tokens: BILLED, output_tokens: 7 },
    });
    expect(outcome.cost_usd).toBeCloseTo(costOf(outcome.usage), 10);
  },
);
