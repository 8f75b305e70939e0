import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import type { ErrandEvent } from '../../src/entries/producer.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { openRedis, redisUrl, storedIn } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';

const OF_BATCH = { order: 42, of: 'the batch' };
const OF_TASK = { line: 7, of: ['the task'] };

type Setup = {
  settings?: Record<string, unknown>;
  /** Done after the batch was enqueued and before a worker starts. */
  before?: (deployment: Deployment, batchId: string) => Promise<unknown>;
  provider?: string;
  code: string;
};

function laneOf({ prefix }: Deployment): Queue {
  const connection = { url: redisUrl(), maxRetriesPerRequest: null };
  const queue = new Queue('tasks-local', { connection, prefix, skipMetasUpdate: true });
  onTestFinished(() => queue.close());
  return queue;
}

const SETTLES: Record<string, Setup> = {
  'is rejected with its batch': { provider: 'acme', code: 'CREDENTIAL_MISSING' },
  'is cancelled before it starts': {
    before: ({ producer }, batchId) => producer.cancel(batchId, 'enough'),
    code: 'ATTEMPT_CANCELLED',
  },
  'was removed from the queue': {
    before: async (deployment, batchId) => (await laneOf(deployment).getJob(taskIdOf(batchId, 0)))?.remove(),
    code: 'TASK_REMOVED',
  },
  'has a job that does not parse': {
    before: ({ prefix }, batchId) => openRedis().hset(`${prefix}:tasks-local:${taskIdOf(batchId, 0)}`, 'data', '{}'),
    code: 'TASK_INVALID',
  },
  'is in a lane without a worker': { settings: { tasks: { unserved_ms: 1_000 } }, code: 'LANE_UNSERVED' },
};

test.each(Object.entries(SETTLES))('metadata is in the outcome of a task that %s', async (_, setup) => {
  const { settings = {}, before, provider = 'local', code } = setup;
  const deployment = await aDeployment({ settings });
  const { producer, startWorker, outcomesOf, simulator, prefix } = deployment;
  const tasks = [{ goal: 'Never run', provider, metadata: OF_TASK }];
  const { batch_id: batchId } = await producer.enqueue({ metadata: OF_BATCH, tasks });
  await before?.(deployment, batchId);
  const { openai } = deployment.settings.providers as Record<string, unknown>;
  await startWorker({}, code === 'LANE_UNSERVED' ? { providers: { openai } } : {});
  const summary = await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) });
  expect(await outcomesOf(batchId)).toMatchObject([{ failure: { code }, metadata: OF_TASK, batch_metadata: OF_BATCH }]);
  expect(summary.metadata).toEqual(OF_BATCH);
  expect(simulator.requests()).toEqual([]);
  expect(await storedIn(prefix).secondsLeft('taskMetadata', batchId)).toBe(-2);
});

test('a copy of metadata of another type does not keep a batch from settling', async () => {
  const { producer, startWorker, outcomesOf, prefix } = await aDeployment();
  const tasks = [{ goal: 'Never run', provider: 'local', metadata: OF_TASK }];
  const { batch_id: batchId } = await producer.enqueue({ tasks });
  const redis = openRedis();
  await redis.hset(`${prefix}:tasks-local:${taskIdOf(batchId, 0)}`, 'data', '{}');
  await givenIn(prefix, redis).damaged('taskMetadata', batchId);
  await startWorker();
  await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) });
  const [outcome] = await outcomesOf(batchId);
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'TASK_INVALID' } });
  expect(outcome?.metadata).toBeUndefined();
});

test('an outcome that cannot be read has the metadata of its task', async () => {
  const { producer, startWorker, outcomesOf, prefix } = await aDeployment();
  const tasks = [OF_TASK, { line: 8 }].map((metadata) => ({ goal: 'Run', provider: 'local', metadata }));
  const { batch_id: batchId } = await producer.enqueue({ metadata: OF_BATCH, tasks });
  const redis = openRedis();
  const [given, stored] = [givenIn(prefix, redis), storedIn(prefix, redis)];
  await given.outcome(taskIdOf(batchId, 0), 'no JSON');
  await startWorker();
  await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) });
  const unreadable = { status: 'failed', failure: { code: 'RECORD_UNREADABLE' }, batch_metadata: OF_BATCH };
  expect(await outcomesOf(batchId)).toMatchObject([
    { ...unreadable, metadata: OF_TASK },
    { status: 'succeeded', metadata: { line: 8 } },
  ]);
  // The copies live as long as the outcomes that need them.
  const [copies, outcomes] = [
    await stored.secondsLeft('taskMetadata', batchId),
    await stored.secondsLeft('outcomes', batchId),
  ];
  expect(copies).toBe(outcomes);
  await given.noTaskMetadata(batchId);
  await given.outcomeChanged(taskIdOf(batchId, 1), { status: 'odd' });
  expect((await outcomesOf(batchId))[1]).toMatchObject({ ...unreadable, metadata: { line: 8 } });
});

test('metadata of a batch and its tasks is in its events, its summary and on the board', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, prefix } = deployment;
  await startWorker();
  const heard: ErrandEvent[] = [];
  const tasks = [OF_TASK, undefined].map((metadata) => ({ goal: 'Run', provider: 'local', metadata }));
  const redis = openRedis();
  const lane = laneOf(deployment);
  await lane.pause();
  const { batch_id: batchId } = await producer.enqueue({ name: 'named', metadata: OF_BATCH, tasks });
  const settled = Promise.withResolvers<void>();
  await producer.onEvent(batchId, (event) => {
    heard.push(event);
    if (event.event === 'batch_settled') settled.resolve();
  });
  const shown = async (field: string) => JSON.parse((await redis.hget(`${prefix}:batches:${batchId}`, field)) ?? '{}');
  expect(await shown('data')).toMatchObject({ metadata: OF_BATCH });
  await lane.resume();
  await settled.promise;
  expect(heard).toHaveLength(3 * tasks.length + 1);
  for (const event of heard) expect(event).toMatchObject({ batch_name: 'named', batch_metadata: OF_BATCH });
  for (const event of heard) {
    expect('metadata' in event ? event.metadata : undefined).toEqual(
      'index' in event && event.index === 0 ? OF_TASK : undefined,
    );
  }
  expect(await producer.settled(batchId)).toMatchObject({ metadata: OF_BATCH });
  await expect.poll(() => shown('returnvalue')).toMatchObject({ metadata: OF_BATCH });
  // Readers of 0.1.0 refuse further fields in records and events.
  const record = await storedIn(prefix, redis).summary(batchId);
  expect([record, ...deployment.events].join('\n')).not.toMatch(/the (batch|task)/);
});
