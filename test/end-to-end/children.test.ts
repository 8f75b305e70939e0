import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { redisUrl } from '../helpers/redis.ts';
import { requestsIn } from '../helpers/requests.ts';

const look = '[[sim: tool=list_files args={}]]';

/** The names of the tools that a request of the chat wire offers. */
function toolsIn(body: string): string[] {
  const { tools = [] } = JSON.parse(body) as { tools?: { function: { name: string } }[] };
  return tools.map(({ function: { name } }) => name).sort();
}

test('a child has the tools of its toolsets and no others [B31] [B37] [B38] [B41]', async () => {
  const { producer, startWorker, simulator } = await aDeployment();
  await startWorker({ concurrency: 1 });
  const tasks = [
    { goal: 'First', provider: 'local' },
    { goal: `Second ${look} [[sim: status=500 turn=2]]`, provider: 'local', toolsets: ['workspace' as const] },
    { goal: 'Third', provider: 'local' },
  ];
  const { batch_id } = await producer.enqueue({ tasks });
  await producer.settled(batch_id);
  const offered = (goal: string) =>
    simulator.requests().find(({ body }) => body.includes(goal))?.body ?? expect.fail(`${goal} was not asked`);
  expect(tasks.map(({ goal }) => toolsIn(offered(goal.slice(0, 5))))).toEqual([
    [],
    ['append_file', 'delete_file', 'edit_file', 'list_files', 'read_file', 'search_files', 'write_file'],
    [],
  ]);
});

test('instructions of a deployment replace the system prompt, a task adds to it', async () => {
  const settings = { agent: { instructions: 'You are a clerk.' } };
  const { producer, startWorker, simulator } = await aDeployment({ settings });
  await startWorker();
  const task = { goal: 'Count.', instructions: 'In German.', provider: 'local' };
  await producer.settled((await producer.enqueue({ tasks: [task] })).batch_id);
  const [request = expect.fail('nothing was asked')] = simulator.requests();
  expect(JSON.parse(request.body).messages).toEqual([
    { role: 'system', content: 'You are a clerk.' },
    { role: 'user', content: 'Instructions:\nIn German.\n\nTask:\nCount.' },
  ]);
});

test('a budget belongs to one task: its siblings have all of theirs [B97]', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const task = { goal: `Two turns ${look}`, provider: 'local', toolsets: ['workspace' as const], budget: { turns: 2 } };
  const { batch_id } = await producer.enqueue({ tasks: [task, task, task] });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(3);
  expect((await outcomesOf(batch_id)).map(({ turns }) => turns)).toEqual([2, 2, 2]);
});

test('an outcome says the model, tokens, turns, tool calls, cost and time [B118]', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, outcomesOf, settings } = deployment;
  const providers = settings.providers as Record<string, object>;
  providers.local = { ...providers.local, prices: { 'local-1': { input: 1, output: 10 } } };
  await startWorker();
  const goal = `Look twice ${look} ${look} [[sim: text="done" latency_ms=20 input_tokens=100]]`;
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets: ['workspace'] });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    route: { effective: { provider: 'local', model: 'local-1' } },
    usage: { input_tokens: 300 },
    turns: 3,
    tool_calls: 2,
  });
  const { output_tokens: written = 0 } = outcome?.usage ?? {};
  expect(written).toBeGreaterThan(0);
  expect(outcome?.cost_usd).toBeCloseTo((300 + 10 * written) / 1e6, 10);
  expect(outcome?.duration_ms).toBeGreaterThanOrEqual(60);
});

test('a paused lane starts nothing and lets what runs go on, until it is resumed [B36]', async () => {
  const { producer, startWorker, simulator, prefix } = await aDeployment();
  const connection = { url: redisUrl(), maxRetriesPerRequest: null };
  const lane = new Queue('tasks-local', { connection, prefix, skipMetasUpdate: true });
  onTestFinished(() => lane.close());
  await startWorker();
  const started = requestsIn(simulator, 'received', 1);
  const running = await producer.enqueue({ goal: 'Runs [[sim: latency_ms=300]]', provider: 'local' });
  await started;
  await lane.pause();
  const waiting = await producer.enqueue({ goal: 'Waits', provider: 'local' });
  expect((await producer.settled(running)).counts.succeeded).toBe(1);
  expect(await producer.status(waiting)).toMatchObject({ ended: 0, waits_for: [{ reason: 'lane_paused' }] });
  expect(simulator.requests()).toHaveLength(1);
  await lane.resume();
  expect((await producer.settled(waiting)).counts.succeeded).toBe(1);
});

test('a conversation too long, or refused for its content, is not sent again [B94]', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  await startWorker();
  const goals = ['Long [[sim: status=400 code=context_length_exceeded]]', 'Filtered [[sim: stop=filter]]'];
  const { batch_id } = await producer.enqueue({ tasks: goals.map((goal) => ({ goal, provider: 'local' })) });
  await producer.settled(batch_id);
  expect(await outcomesOf(batch_id)).toMatchObject([
    { failure: { code: 'CONTEXT_TOO_LONG' } },
    { failure: { code: 'CHILD_REFUSED' } },
  ]);
  expect(simulator.requests()).toHaveLength(2);
});
