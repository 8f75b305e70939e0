import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig } from '../../src/app/config.ts';
import { batchIdOf } from '../../src/base/ids.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { openWay } from '../helpers/way-to-redis.ts';
import { enqueueUntil, optionsOf, tasksOf } from '../producer/open-producer.ts';
import { givenIn } from '../records/given.ts';

const TOTAL = 1_600;
const MANY = 4_000;

function batchOf(key: string) {
  return {
    idempotency_key: key,
    tasks: Array.from({ length: TOTAL }, (_, at) => ({ goal: `Task ${at}`, provider: 'local' })),
  };
}

function queueOf({ prefix, settings }: Deployment, name: string): Queue {
  const connection = { url: String(settings.redis_url), maxRetriesPerRequest: null };
  const queue = new Queue(name, { connection, prefix, skipMetasUpdate: true });
  queue.on('error', () => undefined);
  onTestFinished(() => queue.close());
  return queue;
}

test('if enqueue fails half-way no task runs, and enqueueing again completes the batch', async () => {
  const { url } = await startRedisServer();
  const deployment = await aDeployment({ settings: { redis_url: url } });
  const { producer, startWorker, simulator, environment, settings } = deployment;
  const operator = openRedis(url);
  await startWorker();
  await startWorker();
  const batchId = batchIdOf('half');
  const way = await openWay(url, { holdAt: '"Task 500"' });
  const held = composeProducer(loadConfig(environment, { ...settings, redis_url: way.url }), secretsIn({}));
  onTestFinished(() => held.close());
  const enqueueing = held.enqueue(batchOf('half'));
  const refused = expect(enqueueing).rejects.toMatchObject({
    code: 'REDIS_FULL',
    batchId,
    message: expect.stringContaining(batchId),
  });
  await way.held;
  await operator.config('SET', 'maxmemory', '1');
  way.release();
  await refused;
  await operator.config('SET', 'maxmemory', '0');
  // The workers check held tasks more than once before the producer returns.
  const delayed = queueOf(deployment, 'tasks-local');
  await expect.poll(() => delayed.getDelayedCount()).toBeGreaterThan(50);
  expect(await producer.status(batchId)).toMatchObject({ status: 'enqueueing', ended: 0, running: 0 });
  expect(simulator.requests()).toEqual([]);

  expect(await producer.enqueue(batchOf('half'))).toMatchObject({ batch_id: batchId, is_new: false });
  expect((await producer.settled(batchId)).counts.succeeded).toBe(TOTAL);
  expect(simulator.requests()).toHaveLength(TOTAL);
});

test('tasks of a vanished producer run once its time is up, and the missing ones fail', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, simulator, prefix } = deployment;
  await startWorker();
  const options = optionsOf({ prefix, ingestTimeoutMs: 2_000 });
  const batch = { idempotency_key: 'vanished', tasks: tasksOf(MANY) };
  const batchId = batchIdOf('vanished');
  await enqueueUntil('"case 1000"', batch, options);
  expect(simulator.requests()).toEqual([]);
  const { counts } = await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) });
  expect(counts.succeeded).toBeGreaterThanOrEqual(500);
  expect(counts.succeeded + counts.failed).toBe(MANY);
  expect(simulator.requests()).toHaveLength(counts.succeeded);
  const outcomes = await deployment.outcomesOf(batchId);
  const codes = new Set(outcomes.map((outcome) => 'failure' in outcome && outcome.failure.code));
  expect(codes).toEqual(new Set([false, 'ENQUEUE_INCOMPLETE']));
});

test('a large batch whose producer died after its last task runs at once', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, prefix } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ tasks: batchOf('sealed').tasks.slice(0, 1_001) });
  await givenIn(prefix).unsealed(batchId);
  await startWorker();
  expect((await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) })).counts.succeeded).toBe(1_001);
});

test('a small batch of a dead producer is not held', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, prefix } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ tasks: batchOf('small').tasks.slice(0, 1_000) });
  await givenIn(prefix).unsealed(batchId);
  await startWorker();
  expect((await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) })).counts.succeeded).toBe(1_000);
});

test('held tasks do not keep other batches of their lane waiting', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, prefix } = deployment;
  const { batch_id: heldId } = await producer.enqueue({ tasks: batchOf('held').tasks.slice(0, 1_100) });
  await givenIn(prefix).unsealed(heldId);
  const gate = await queueOf(deployment, 'gates').getJob(`${heldId}-gate`);
  await gate?.remove();
  await queueOf(deployment, 'gates').add('gate', { sealed: false }, { jobId: `${heldId}-gate`, delay: 600_000 });
  await startWorker();
  const { batch_id: otherId } = await producer.enqueue({ goal: 'Behind them', provider: 'local' });
  const { counts } = await producer.settled(otherId, { signal: AbortSignal.timeout(60_000) });
  expect(counts.succeeded).toBe(1);
  expect(await producer.status(heldId)).toMatchObject({ ended: 0, running: 0 });
  await producer.cancel(heldId, 'enough');
  expect((await producer.settled(heldId)).counts.cancelled).toBe(1_100);
});
