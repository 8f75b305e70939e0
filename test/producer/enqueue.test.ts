import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { Queue } from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { batchIdOf, taskIdOf } from '../../src/base/ids.ts';
import { TaskJob } from '../../src/contract/task.ts';
import { freshPrefix, keysOf, openRedis, redisUrl, storedIn } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';
import { enqueueUntil, openProducer, optionsOf, tasksOf } from './open-producer.ts';

function queueOf(name: string, prefix: string): Queue {
  const queue = new Queue(name, { connection: { url: redisUrl() }, prefix, skipMetasUpdate: true });
  onTestFinished(() => queue.close());
  return queue;
}

/** Ids of all jobs that wait in both lanes, sorted. */
async function waitingIds(prefix: string): Promise<string[]> {
  const lanes = ['openai', 'anthropic'].map((provider) => queueOf(`tasks-${provider}`, prefix));
  const jobs = await Promise.all(lanes.map((lane) => openRedis().zrange(lane.toKey('prioritized'), '0', '-1')));
  return jobs.flat().sort();
}

function idsOf(batchId: string, total: number): string[] {
  return Array.from({ length: total }, (_, index) => taskIdOf(batchId, index)).sort();
}

/** Lets the claim of a dead producer run out at once rather than in some seconds. */
async function expireClaim(batchId: string, prefix: string): Promise<void> {
  const redis = openRedis();
  const claimMs = await storedIn(prefix, redis).claimMs(batchId);
  expect(claimMs).toBeGreaterThan(0);
  expect(claimMs).toBeLessThanOrEqual(10_000);
  await givenIn(prefix, redis).noClaim(batchId);
}

const NO_WORKER = 'no worker is alive: its tasks wait. Start one: errand worker.';

describe('enqueueing', () => {
  test('adds a batch job over one job a task, with route, name and priority [B131]', async () => {
    const options = optionsOf();
    const producer = openProducer(options);
    const receipt = await producer.enqueue({
      name: 'cases',
      priority: 7,
      context: 'shared',
      tasks: [
        { goal: 'a', metadata: { id: 1 } },
        { goal: 'b', provider: 'anthropic', model: 'opus', reasoning_effort: 'high', budget: { turns: 3 } },
      ],
    });
    const { batch_id: batchId } = receipt;
    expect(receipt).toEqual({ batch_id: batchId, total: 2, is_new: true, added: 2, warnings: [NO_WORKER] });
    const [first, second] = await Promise.all(
      ['openai', 'anthropic'].map((lane, index) =>
        queueOf(`tasks-${lane}`, options.prefix).getJob(taskIdOf(batchId, index)),
      ),
    );
    expect(first).toMatchObject({ name: 'cases #0 · openai/gpt', opts: { priority: 7, attempts: 3 } });
    expect(second).toMatchObject({ name: 'cases #1 · anthropic/opus · high' });
    expect(TaskJob.parse(first?.data)).toMatchObject({ index: 0, task: { goal: 'a', metadata: { id: 1 } } });
    expect(TaskJob.parse(second?.data)).toEqual({
      version: 1,
      batch_id: batchId,
      index: 1,
      task: { goal: 'b', budget: { turns: 3 } },
      route: {
        provider: 'anthropic',
        model: 'opus',
        reasoning_effort: 'high',
        requested: { provider: 'anthropic', model: 'opus', reasoning_effort: 'high' },
        chosen_by: { provider: 'task', model: 'task', reasoning_effort: 'task' },
      },
    });
    const batchJob = await queueOf('batches', options.prefix).getJob(batchId);
    expect(batchJob).toMatchObject({ name: 'cases', data: { version: 1, batch_id: batchId, name: 'cases', total: 2 } });
    expect(await batchJob?.isWaitingChildren()).toBe(true);
    expect(await producer.status(batchId)).toMatchObject({ status: 'running', name: 'cases', total: 2, ended: 0 });
  });

  test('adds nothing at all if one task is wrong [B20] [B148]', async () => {
    const options = optionsOf();
    const enqueueing = openProducer(options).enqueue({ tasks: [{ goal: 'a' }, { goal: 'b', provider: 'acme' }] });
    await expect(enqueueing).rejects.toMatchObject({
      code: 'BATCH_INVALID',
      problems: [{ path: 'tasks[1].provider', index: 1, message: 'unknown provider "acme"; known: anthropic, openai' }],
    });
    expect(await keysOf(options.prefix)).toEqual([]);
  });

  test('warns of a route at the top of a batch, which routes no task [B51]', async () => {
    const options = optionsOf();
    const producer = openProducer(options);
    const { batch_id: batchId, warnings } = await producer.enqueue({ provider: 'anthropic', tasks: [{ goal: 'a' }] });
    expect(warnings).toEqual([
      'provider: ignored beside tasks; to set it for every task, write it as defaults.provider',
      NO_WORKER,
    ]);
    expect(await queueOf('tasks-openai', options.prefix).getJob(taskIdOf(batchId, 0))).toBeDefined();
  });

  test('adds a large batch in chunks behind a gate, and opens the gate at the end', async () => {
    const options = optionsOf();
    const { batch_id: batchId } = await openProducer(options).enqueue({ tasks: tasksOf(2_500) });
    expect(await waitingIds(options.prefix)).toEqual(idsOf(batchId, 2_500));
    const gate = await queueOf('gates', options.prefix).getJob(`${batchId}-gate`);
    expect(gate?.data).toEqual({ sealed: true, total: 2_500 });
    expect(await gate?.isWaiting()).toBe(true);
    const batchJob = await queueOf('batches', options.prefix).getJob(batchId);
    expect(await batchJob?.getDependenciesCount()).toMatchObject({ unprocessed: 2_501, processed: 0 });
  });

  test('plan says what would be enqueued and enqueues nothing [B149]', async () => {
    const options = optionsOf();
    const { tasks, record } = await openProducer(options).plan({ tasks: tasksOf(2) });
    expect(tasks.map(({ data }) => data.route.provider)).toEqual(['openai', 'anthropic']);
    expect(record.routes).toHaveLength(2);
    expect(await keysOf(options.prefix)).toEqual([]);
  });

  test('keeps Redis and the event loop of the web app free while it adds 10,000 tasks', async () => {
    const producer = openProducer();
    const other = openRedis();
    await other.ping();
    const loop = monitorEventLoopDelay({ resolution: 1 });
    let slowestPingMs = 0;
    let isAdding = true;
    const pinging = (async () => {
      while (isAdding) {
        const from = performance.now();
        await other.ping();
        slowestPingMs = Math.max(slowestPingMs, performance.now() - from);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    const from = performance.now();
    loop.enable();
    await producer.enqueue({ tasks: tasksOf(10_000) });
    loop.disable();
    isAdding = false;
    await pinging;
    const [took, stall] = [performance.now() - from, loop.max / 1e6];
    process.stdout.write(
      `10,000 tasks in ${Math.round(took)} ms: slowest ping ${Math.round(slowestPingMs)} ms, longest stall ${Math.round(stall)} ms\n`,
    );
    expect(slowestPingMs).toBeLessThan(1_000);
    expect(stall).toBeLessThan(1_000);
  });
});

describe('an idempotency key', () => {
  const key = 'order-66';

  test.each([2, 1_001])('makes enqueueing %i tasks twice the same as once [B138]', async (count) => {
    const options = optionsOf();
    const batch = { idempotency_key: key, tasks: tasksOf(count) };
    const first = await openProducer(options).enqueue(batch);
    const before = await keysOf(options.prefix);
    const second = await openProducer(options).enqueue(batch);
    expect(second).toEqual({ ...first, is_new: false, added: 0 });
    expect(first).toMatchObject({ is_new: true, added: count, batch_id: batchIdOf(key) });
    expect(await keysOf(options.prefix)).toEqual(before);
  });

  test('is refused with another batch', async () => {
    const producer = openProducer();
    await producer.enqueue({ idempotency_key: key, tasks: [{ goal: 'a' }] });
    for (const other of [
      { tasks: [{ goal: 'b' }] },
      { tasks: [{ goal: 'a', model: 'm' }] },
      { goal: 'a', priority: 3 },
    ]) {
      await expect(producer.enqueue({ idempotency_key: key, ...other })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
      });
    }
  });

  test('lets two producers enqueue at the same time, and adds the batch once', async () => {
    const options = optionsOf();
    const batch = { idempotency_key: key, tasks: tasksOf(1_500) };
    const receipts = await Promise.all([openProducer(options).enqueue(batch), openProducer(options).enqueue(batch)]);
    expect(receipts.map(({ added }) => added).sort()).toEqual([0, 1_500]);
    expect(receipts.map((receipt) => receipt.is_new).sort()).toEqual([false, true]);
    expect(await waitingIds(options.prefix)).toEqual(idsOf(batchIdOf(key), 1_500));
  });

  test('completes a large batch whose producer was killed in the middle of it', async () => {
    const options = optionsOf();
    const batchId = batchIdOf(key);
    const batch = { idempotency_key: key, tasks: tasksOf(10_000) };
    await enqueueUntil('"case 2400"', batch, options);
    const added = (await waitingIds(options.prefix)).length;
    expect(added).toBeGreaterThan(2_000);
    expect(added).toBeLessThanOrEqual(2_400);
    const producer = openProducer(options);
    expect((await producer.status(batchId)).status).toBe('enqueueing');

    await expireClaim(batchId, options.prefix);
    const missing = 10_000 - (await waitingIds(options.prefix)).length;
    expect(await producer.enqueue(batch)).toMatchObject({ is_new: false, total: 10_000, added: missing });
    expect(await waitingIds(options.prefix)).toEqual(idsOf(batchId, 10_000));
    const gate = await queueOf('gates', options.prefix).getJob(`${batchId}-gate`);
    expect(gate?.data).toEqual({ sealed: true, total: 10_000 });
    expect(await gate?.isWaiting()).toBe(true);
    const batchJob = await queueOf('batches', options.prefix).getJob(batchId);
    expect(await batchJob?.getDependenciesCount()).toMatchObject({ unprocessed: 10_001 });
    expect((await producer.status(batchId)).status).toBe('running');
  });

  test('completes a small batch whose producer was killed between record and queue', async () => {
    const options = optionsOf();
    const batchId = batchIdOf(key);
    const batch = { idempotency_key: key, tasks: tasksOf(3) };
    await enqueueUntil(`${options.prefix}:batches:`, batch, options);
    expect(await waitingIds(options.prefix)).toEqual([]);

    await expireClaim(batchId, options.prefix);
    expect(await openProducer(options).enqueue(batch)).toMatchObject({ is_new: false, added: 3 });
    expect(await waitingIds(options.prefix)).toEqual(idsOf(batchId, 3));
  });

  test('that is not given makes each batch another one', async () => {
    const producer = openProducer(optionsOf({ prefix: freshPrefix() }));
    const [one, other] = [await producer.enqueue({ goal: 'a' }), await producer.enqueue({ goal: 'a' })];
    expect(one.batch_id).not.toBe(other.batch_id);
    expect([one.is_new, other.is_new]).toEqual([true, true]);
  });
});
