import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { monotonicMs } from '../../src/base/clock.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { redisUrl } from '../helpers/redis.ts';
import { requestsIn } from '../helpers/requests.ts';
import { watchSlowness } from '../helpers/slowness.ts';

const connection = { url: redisUrl(), maxRetriesPerRequest: null };

function laneOf({ prefix }: Deployment, provider: string): Queue {
  const queue = new Queue(`tasks-${provider}`, { connection, prefix, skipMetasUpdate: true });
  onTestFinished(() => queue.close());
  return queue;
}

function tasksOf(count: number, provider: string, goal = 'Never started') {
  return Array.from({ length: count }, (_, at) => ({ goal: `${goal}, task ${at}`, provider }));
}

/** The settings of workers that do not serve the lane "acme". */
function withoutAcme({ settings }: Deployment): Record<string, unknown> {
  const { acme: _, ...providers } = settings.providers as Record<string, object>;
  return { providers };
}

/** Starts a worker that serves every lane but "acme". */
async function startWithoutAcme(deployment: Deployment, over: Record<string, unknown> = {}) {
  return deployment.startWorker({}, { ...withoutAcme(deployment), ...over });
}

/** Cancels a batch and resolves with the time until it has settled, in milliseconds. */
async function cancelled(deployment: Deployment, batchId: string): Promise<number> {
  const from = monotonicMs();
  await deployment.producer.cancel(batchId, 'not needed');
  const { counts, total } = await deployment.producer.settled(batchId, { signal: AbortSignal.timeout(60_000) });
  expect(counts.cancelled).toBe(total);
  return Math.round(monotonicMs() - from);
}

test('a cancelled batch of 1,000 tasks on a paused lane settles; its jobs stay there', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, outcomesOf, startWorker } = deployment;
  await startWorker();
  await startWorker();
  const lane = laneOf(deployment, 'local');
  await lane.pause();
  const { batch_id } = await producer.enqueue({ tasks: tasksOf(1_000, 'local') });
  const pace = watchSlowness();
  const tookMs = await cancelled(deployment, batch_id);
  console.log(`cancel of 1,000 tasks on a paused lane: settled after ${tookMs} ms`);
  expect(tookMs).toBeLessThan(pace.allow(10_000));
  expect(await lane.getJobCountByTypes('prioritized', 'wait')).toBeGreaterThan(900);
  const outcomes = await outcomesOf(batch_id);
  expect(outcomes).toHaveLength(1_000);
  expect(outcomes[7]).toMatchObject({ status: 'cancelled', reason: 'not needed', route: { provider: 'local' } });

  await lane.resume();
  await expect.poll(() => lane.getJobCountByTypes('prioritized', 'wait', 'active')).toBe(0);
  expect(simulator.requests()).toEqual([]);
  expect(await outcomesOf(batch_id)).toEqual(outcomes);
});

test('a cancelled batch of 1,000 tasks on a lane without a worker settles', async () => {
  const deployment = await aDeployment();
  await startWithoutAcme(deployment);
  await startWithoutAcme(deployment);
  const { batch_id } = await deployment.producer.enqueue({ tasks: tasksOf(1_000, 'acme') });
  const pace = watchSlowness();
  const tookMs = await cancelled(deployment, batch_id);
  console.log(`cancel of 1,000 tasks on a lane without a worker: settled after ${tookMs} ms`);
  expect(tookMs).toBeLessThan(pace.allow(10_000));
});

test('a batch cancelled while no worker runs settles once any worker starts', async () => {
  const deployment = await aDeployment();
  const { batch_id } = await deployment.producer.enqueue({ tasks: tasksOf(3, 'acme') });
  await deployment.producer.cancel(batch_id, 'not needed');
  await startWithoutAcme(deployment);
  expect((await deployment.producer.settled(batch_id)).counts.cancelled).toBe(3);
});

test('a task cancelled by itself on a paused lane ends, and its siblings wait', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, outcomesOf } = deployment;
  await startWorker();
  const lane = laneOf(deployment, 'local');
  await lane.pause();
  const { batch_id } = await producer.enqueue({ tasks: tasksOf(3, 'local', 'Started later') });
  await producer.cancel(`${batch_id}-1`, 'only this one');
  await expect.poll(async () => (await producer.status(batch_id)).ended).toBe(1);
  expect(await outcomesOf(batch_id)).toMatchObject([{ index: 1, status: 'cancelled', reason: 'only this one' }]);
  await lane.resume();
  expect((await producer.settled(batch_id)).counts).toMatchObject({ succeeded: 2, cancelled: 1 });
});

test('a cancel ends running, parked and paused tasks of one batch together', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, simulator } = deployment;
  await startWorker();
  const paused = laneOf(deployment, 'openai');
  await paused.pause();
  const started = requestsIn(simulator, 'received', 2);
  const tasks = [...tasksOf(6, 'local', 'Endless [[sim: hang=stream after=3]]'), ...tasksOf(4, 'openai')];
  const { batch_id } = await producer.enqueue({ tasks, max_concurrent: 2 });
  await started;
  const pace = watchSlowness();
  expect(await cancelled(deployment, batch_id)).toBeLessThan(pace.allow(10_000));
  expect(simulator.requests()).toHaveLength(2);
});

test('tasks put off on a lane that is paused meanwhile end when they are cancelled', async () => {
  const deployment = await aDeployment({ settings: { tasks: { backoff_ms: 600_000 } } });
  const { producer, startWorker, outcomesOf } = deployment;
  await startWorker();
  const { batch_id } = await producer.enqueue({
    tasks: tasksOf(2, 'local', 'Turned away [[sim: status=429 retry_after=3600]]'),
  });
  const lane = laneOf(deployment, 'local');
  await expect.poll(() => lane.getDelayedCount()).toBe(2);
  await lane.pause();
  const pace = watchSlowness();
  expect(await cancelled(deployment, batch_id)).toBeLessThan(pace.allow(10_000));
  expect(await outcomesOf(batch_id)).toMatchObject([
    { attempts: [{ ended: 'deferred' }] },
    { attempts: [{ ended: 'deferred' }] },
  ]);
});

test('tasks of a lane that no worker serves fail after the time that is set', async () => {
  const deployment = await aDeployment({ settings: { tasks: { unserved_ms: 1_000 } } });
  const { producer, outcomesOf, simulator } = deployment;
  await startWithoutAcme(deployment);
  const { batch_id } = await producer.enqueue({
    tasks: [
      { goal: 'Served', provider: 'local' },
      { goal: 'Not served', provider: 'acme', metadata: { id: 7 } },
    ],
    admission: 'task',
  });
  const summary = await producer.settled(batch_id, { signal: AbortSignal.timeout(60_000) });
  expect(summary.counts).toMatchObject({ succeeded: 1, failed: 1 });
  const [, failed] = await outcomesOf(batch_id);
  expect(failed).toMatchObject({
    failure: { code: 'LANE_UNSERVED', message: expect.stringContaining('"acme"') },
    route: { provider: 'acme', effective: null },
    metadata: { id: 7 },
    attempts: [],
  });
  expect(simulator.requests()).toHaveLength(1);
});

test('a task whose job is removed ends as removed, and its batch settles', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, outcomesOf } = deployment;
  await startWorker();
  const lane = laneOf(deployment, 'local');
  await lane.pause();
  const { batch_id } = await producer.enqueue({ tasks: tasksOf(3, 'local', 'Quick') });
  await (await lane.getJob(`${batch_id}-1`))?.remove();
  await lane.resume();
  expect((await producer.settled(batch_id)).counts).toMatchObject({ succeeded: 2, failed: 1 });
  const [, removed] = await outcomesOf(batch_id);
  expect(removed).toMatchObject({
    failure: { code: 'TASK_REMOVED', message: expect.stringContaining('was removed from the queue') },
  });
});

test.each([
  ['obliterated', (lane: Queue) => lane.obliterate({ force: true })],
  ['drained', (lane: Queue) => lane.drain(true)],
])('tasks of a lane that was %s by another tool end as removed', async (_, removeAll) => {
  const deployment = await aDeployment();
  const { producer, startWorker, outcomesOf } = deployment;
  await startWorker();
  const lane = laneOf(deployment, 'local');
  await lane.pause();
  const { batch_id } = await producer.enqueue({ tasks: tasksOf(5, 'local', 'Quick') });
  await removeAll(lane);
  expect((await producer.settled(batch_id, { signal: AbortSignal.timeout(60_000) })).counts.failed).toBe(5);
  const codes = (await outcomesOf(batch_id)).map((outcome) => 'failure' in outcome && outcome.failure.code);
  expect(new Set(codes)).toEqual(new Set(['TASK_REMOVED']));
});
