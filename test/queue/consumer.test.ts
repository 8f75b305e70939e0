import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { monotonicMs } from '../../src/base/clock.ts';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import { Consumer, type Handlers } from '../../src/queue/consumer.ts';
import { laneOf } from '../../src/queue/names.ts';
import { closeRedis, openRetryingRedis } from '../../src/redis/connection.ts';
import { freshPrefix, openRedis, redisUrl, targetAt } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { aWitness } from '../helpers/witness.ts';
import { TcpProxy } from '../storm/tcp-proxy.ts';

/** A consumer of one lane on the Redis at `url`, and what it told. */
async function aConsumer(
  url: string,
  lockDurationMs: number,
  runTask: Handlers['runTask'],
  giveUp: Handlers['giveUp'] = async () => [],
) {
  const redis = openRetryingRedis({ target: targetAt(url), onError: () => undefined });
  const observer = aWitness();
  const options = {
    redis,
    prefix: freshPrefix(),
    workerName: 'alone',
    providers: ['local'],
    taken: ['local'],
    concurrency: 5,
    lockDurationMs,
    observer,
  };
  const consumer = new Consumer(options, {
    runTask,
    giveUp,
    isCancelled: async () => false,
    settleBatch: async () => ({ status: 'settled', summary: null }),
  });
  const lane = new Queue(laneOf('local'), { connection: openRedis(url), prefix: options.prefix });
  lane.on('error', () => undefined);
  onTestFinished(async () => {
    await consumer.drain(0);
    closeRedis(redis);
  });
  await consumer.ready();
  const told = {
    errors: () => observer.steps('fault').map(({ error }) => error),
    lost: () => observer.steps('locks_lost').flatMap(({ taskIds }) => taskIds),
    stale: () => observer.steps('move_refused').map(({ error }) => error.message),
  };
  return { lane, told };
}

test('a run that loses a lock which Redis still has is handed back, not failed', async () => {
  const server = await startRedisServer();
  const startedAt: number[] = [];
  let continuedAt = 0;
  const { lane, told } = await aConsumer(server.url, 3_000, async (_delivery, signal) => {
    if (startedAt.push(monotonicMs()) > 1) return { wake: [], move: { next: 'retry', line: 'seen' } };
    server.signal('SIGSTOP');
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    server.signal('SIGCONT');
    continuedAt = monotonicMs();
    return { wake: [], move: { next: 'surrender', line: 'lock lost' } };
  });
  const taskId = taskIdOf(newBatchId(), 0);
  await lane.add('task', {}, { jobId: taskId });
  await expect.poll(() => startedAt.length).toBe(2);
  expect((startedAt[1] ?? 0) - continuedAt).toBeLessThan(1_000);
  expect(told.lost()).toEqual([taskId]);
  expect(told.stale()).toEqual([]);
});

test('a run whose lock another worker has moves nothing and reports it', async () => {
  const server = await startRedisServer();
  const redis = openRedis(server.url);
  const { lane, told } = await aConsumer(server.url, 500, async ({ taskId }, signal) => {
    await redis.set(`${lane.opts.prefix}:${lane.name}:${taskId}:lock`, 'of another');
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return { wake: [], move: { next: 'surrender', line: 'lock lost' } };
  });
  const taskId = taskIdOf(newBatchId(), 0);
  await lane.add('task', {}, { jobId: taskId });
  await expect.poll(() => told.stale()).toEqual([expect.stringContaining(`for job ${taskId}`)]);
  expect(told.lost()).toEqual([taskId]);
  expect(await lane.getActiveCount()).toBe(1);
  expect(await lane.getFailedCount()).toBe(0);
});

test('a run that ends wakes the parked task that gets its place at once', async () => {
  const batchId = newBatchId();
  const [first, parked] = [taskIdOf(batchId, 0), taskIdOf(batchId, 1)];
  const started: string[] = [];
  const { lane } = await aConsumer(redisUrl(), 3_000, async ({ taskId }) => {
    started.push(taskId);
    const wake = taskId === first ? [{ taskId: parked, provider: 'local' }] : [];
    return { wake, move: { next: 'abandon', line: 'seen' } };
  });
  await lane.add('task', {}, { jobId: parked, delay: 600_000 });
  await lane.add('task', {}, { jobId: first });
  await expect.poll(() => started).toEqual([first, parked]);
});

test('a lock counts from when it was asked for, however late the answer comes', async () => {
  const proxy = await TcpProxy.start(Number(new URL(redisUrl()).port));
  onTestFinished(() => proxy.close());
  const held = Promise.withResolvers<number>();
  const { lane } = await aConsumer(`redis://127.0.0.1:${proxy.port}`, 6_000, async (_delivery, signal) => {
    proxy.blackHole(true);
    const from = monotonicMs();
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    held.resolve(monotonicMs() - from);
    return { wake: [], move: { next: 'surrender', line: 'lock lost' } };
  });
  onTestFinished(() => {
    proxy.slow(0);
    proxy.blackHole(false);
    proxy.cut();
  });
  proxy.slow(1_500);
  await lane.add('task', {}, { jobId: taskIdOf(newBatchId(), 0) });
  // Given up after 5.4 of its 6 s, of which 3 s had passed when the answer came. The rest is room for a busy machine.
  expect(await held.promise).toBeLessThan(4_800);
});

test('a run that takes longer than its lock lasts is started once [B98]', async () => {
  const server = await startRedisServer();
  let starts = 0;
  const { lane, told } = await aConsumer(server.url, 500, async (_delivery, signal) => {
    starts++;
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // the length of the run is what is tested
    expect(signal.aborted).toBe(false);
    return { wake: [], move: { next: 'retry', line: 'long' } };
  });
  await lane.add('task', {}, { jobId: taskIdOf(newBatchId(), 0) });
  await expect.poll(() => lane.getFailedCount()).toBe(1);
  expect(starts).toBe(1);
  expect([told.errors(), told.lost(), told.stale()]).toEqual([[], [], []]);
});

test('a task without tries left is given up, and the task that gets its place wakes', async () => {
  const gaveUp: string[] = [];
  const [taskId, sleeper] = [taskIdOf(newBatchId(), 0), taskIdOf(newBatchId(), 0)];
  const seen: string[] = [];
  const { lane, told } = await aConsumer(
    redisUrl(),
    3_000,
    async (delivery) => {
      seen.push(delivery.taskId);
      if (delivery.taskId === taskId) throw new Error('unforeseen');
      return { wake: [], move: { next: 'abandon', line: 'no record' } };
    },
    async (delivery) => {
      gaveUp.push(delivery.taskId);
      return [{ provider: 'local', taskId: sleeper }];
    },
  );
  await lane.add('task', {}, { jobId: sleeper, delay: 3_600_000 });
  await lane.add('task', {}, { jobId: taskId, attempts: 2 });
  await expect.poll(() => seen).toEqual([taskId, taskId, sleeper]);
  expect(gaveUp).toEqual([taskId]);
  expect(told.errors()).toEqual([new Error('unforeseen'), new Error('unforeseen')]);
});
