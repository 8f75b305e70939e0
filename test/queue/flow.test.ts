import { FlowProducer, type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import { BACKOFF } from '../../src/queue/backoff.ts';
import { BatchFlow, type BatchPlan } from '../../src/queue/flow.ts';
import { freshPrefix, keysOf, openRedis, redisUrl } from '../helpers/redis.ts';

const connection = { url: redisUrl(), maxRetriesPerRequest: null };
const LANE = 'tasks-openai';
const NEW = { isNew: true };
const AGAIN = { isNew: false };
const nothing = async () => undefined;

/** A plan of as many tasks as asked, all on one lane. */
function planOf(total: number, options: Partial<BatchPlan> = {}): BatchPlan {
  const batchId = newBatchId();
  const route = {
    provider: 'openai',
    model: 'gpt',
    requested: {},
    chosen_by: { provider: 'config', model: 'provider' },
  } as const;
  return {
    job: { version: 1, batch_id: batchId, name: 'sample', total },
    tasks: Array.from({ length: total }, (_, index) => ({
      name: `sample #${index}`,
      data: { version: 1, batch_id: batchId, index, task: { goal: `case ${index}` }, route },
    })),
    priority: 5,
    attempts: 3,
    backoffMs: 1_000,
    ingestTimeoutMs: 600_000,
    ...options,
  };
}

function openFlow() {
  const prefix = freshPrefix();
  const flow = new BatchFlow(openRedis(), prefix, ['openai', 'local', 'anthropic']);
  onTestFinished(() => flow.close());
  const queue = (name: string) => {
    const opened = new Queue(name, { connection, prefix, skipMetasUpdate: true });
    onTestFinished(() => opened.close());
    return opened;
  };
  return { flow, prefix, lane: queue(LANE), batches: queue('batches'), gates: queue('gates') };
}

/** Takes one job of the lane as a worker would, and ends it. */
async function endOne(prefix: string, end: (job: Job, token: string) => Promise<unknown>): Promise<string> {
  const settings = { backoffStrategy: () => 0 };
  const worker = new Worker(LANE, null, { connection, prefix, settings });
  const job = await worker.getNextJob('token');
  if (!job?.id) return expect.fail('no job waits');
  await end(job, 'token');
  await worker.close();
  return job.id;
}

/** Ends every job of a queue as a worker would, every third task badly. */
async function endAll(queue: string, prefix: string, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let ended = 0;
  const processor = async (job: Job) => {
    if (job.data.index % 3 === 1) throw new UnrecoverableError('no');
    return {};
  };
  const worker = new Worker(queue, processor, { connection, prefix, concurrency: 100 });
  const note = () => void (++ended === count && resolve());
  worker.on('completed', note).on('failed', note);
  await promise;
  await worker.close();
}

function pending(batches: Queue, batchId: string) {
  return batches.getJob(batchId).then((job) => job?.getDependenciesCount());
}

describe('a small batch', () => {
  test('is one transaction: no client ever sees a part of it', async () => {
    const { flow, prefix, lane, batches } = openFlow();
    const watch = openRedis();
    const seen = new Set<number>();
    let isAdding = true;
    const watching = (async () => {
      while (isAdding) seen.add(await watch.zcard(lane.toKey('prioritized')));
    })();
    const plan = planOf(1_000);
    await flow.add(plan, AGAIN, nothing);
    isAdding = false;
    await watching;
    expect([...seen].filter((count) => count !== 0 && count !== 1_000)).toEqual([]);
    expect(await pending(batches, plan.job.batch_id)).toMatchObject({ unprocessed: 1_000 });
    expect((await keysOf(prefix)).filter((key) => key.includes(':gates'))).toEqual([]);
  });

  test('lets tasks be tried as often as planned, and never fail the batch job', async () => {
    const { flow, lane } = openFlow();
    const plan = planOf(1, { attempts: 7, backoffMs: 250, priority: 9 });
    await flow.add(plan, AGAIN, nothing);
    expect((await lane.getJob(taskIdOf(plan.job.batch_id, 0)))?.opts).toMatchObject({
      attempts: 7,
      priority: 9,
      backoff: { type: BACKOFF, delay: 250 },
      ignoreDependencyOnFailure: true,
    });
  });

  test('is added once: again changes nothing, and revives no task that has ended', async () => {
    const { flow, prefix, lane, batches } = openFlow();
    const plan = planOf(3);
    const { batch_id: batchId } = plan.job;
    await flow.add(plan, AGAIN, nothing);
    const failed = await endOne(prefix, (job, token) => job.moveToFailed(new Error('no'), token));
    await (await lane.getJob(failed))?.remove();
    await flow.add(plan, AGAIN, nothing);
    expect(await lane.getJob(failed)).toBeUndefined();
    expect(await lane.getJobCountByTypes('prioritized')).toBe(2);
    expect(await batches.getJob(batchId)).toBeDefined();
  });

  test('lets the batch job run once its tasks have ended, well or not', async () => {
    const { flow, prefix, batches } = openFlow();
    const plan = planOf(2, { attempts: 1 });
    await flow.add(plan, AGAIN, nothing);
    await endOne(prefix, (job, token) => job.moveToFailed(new Error('no'), token));
    const batchJob = await batches.getJob(plan.job.batch_id);
    expect(await batchJob?.getState()).toBe('waiting-children');
    await endOne(prefix, (job, token) => job.moveToCompleted({}, token, false));
    expect(await batchJob?.getState()).toBe('waiting');
  });
});

describe('a large batch', () => {
  test('keeps the batch job back behind a delayed gate until every chunk is in', async () => {
    const { flow, lane, gates, batches } = openFlow();
    const plan = planOf(2_001);
    const seen: [number, string | undefined][] = [];
    await flow.add(plan, AGAIN, async () => {
      const gate = await gates.getJob(`${plan.job.batch_id}-gate`);
      seen.push([await lane.getJobCountByTypes('prioritized'), await gate?.getState()]);
    });
    expect(seen).toEqual([
      [1_000, 'delayed'],
      [2_000, 'delayed'],
      [2_001, 'delayed'],
    ]);
    expect(await (await gates.getJob(`${plan.job.batch_id}-gate`))?.getState()).toBe('waiting');
    expect(await pending(batches, plan.job.batch_id)).toMatchObject({ unprocessed: 2_002 });
  });

  test('gives its producer the whole time again with each chunk', async () => {
    const { flow, gates } = openFlow();
    const plan = planOf(1_001, { ingestTimeoutMs: 50_000 });
    const redis = openRedis();
    const due: number[] = [];
    await flow.add(plan, AGAIN, async () => {
      due.push(Number(await redis.zscore(gates.toKey('delayed'), `${plan.job.batch_id}-gate`)));
    });
    expect(due[1]).toBeGreaterThan(due[0] ?? Number.POSITIVE_INFINITY);
  });

  test('is completed by adding it again, and an ended task stays as it is', async () => {
    const { flow, prefix, lane, batches } = openFlow();
    const plan = planOf(2_500);
    const { batch_id: batchId } = plan.job;
    const vanish = async () => {
      throw new Error('the producer is gone');
    };
    await expect(flow.add(plan, AGAIN, vanish)).rejects.toThrow('the producer is gone');
    const failed = await endOne(prefix, (job, token) => job.moveToFailed(new UnrecoverableError('no'), token));
    const completed = await endOne(prefix, (job, token) => job.moveToCompleted({}, token, false));
    await flow.add(plan, AGAIN, nothing);
    expect(await (await lane.getJob(failed))?.getState()).toBe('failed');
    expect(await (await lane.getJob(completed))?.getState()).toBe('completed');
    expect(await lane.getJobCountByTypes('prioritized')).toBe(2_498);
    expect(await pending(batches, batchId)).toMatchObject({ unprocessed: 2_499, processed: 1, ignored: 1 });
  });

  test.each([
    ['before its first task', 0],
    ['between two chunks', 1],
    ['during the last chunk', 2],
  ])('whose gate opened %s takes no more tasks and is never sealed', async (_when, chunks) => {
    const { flow, lane, gates } = openFlow();
    const plan = planOf(1_500);
    const gateId = `${plan.job.batch_id}-gate`;
    let added = 0;
    const runOut = async () => {
      if (++added === Math.max(chunks, 1)) await (await gates.getJob(gateId))?.promote();
      if (chunks === 0) throw new Error('the producer is gone');
    };
    const incomplete = { code: 'ENQUEUE_INCOMPLETE', message: expect.stringContaining('600 s') };
    const adding = expect(flow.add(plan, AGAIN, runOut)).rejects;
    await (chunks === 0 ? adding.toThrow('the producer is gone') : adding.toMatchObject(incomplete));
    await expect(flow.add(plan, AGAIN, nothing)).rejects.toMatchObject(incomplete);
    expect((await gates.getJob(gateId))?.data).toEqual({ sealed: false });
    expect(await lane.getJobCountByTypes('prioritized')).toBe(chunks === 2 ? 1_500 : 1_000);
  });

  test('that was sealed is complete, whether its gate is shut or open', async () => {
    const { flow, gates, lane } = openFlow();
    const plan = planOf(1_001);
    await flow.add(plan, NEW, nothing);
    const gate = await gates.getJob(`${plan.job.batch_id}-gate`);
    expect(gate?.data).toEqual({ sealed: true, total: 1_001 });
    await flow.add(plan, AGAIN, nothing);
    expect(await gate?.getState()).toBe('waiting');
    expect(await lane.getJobCountByTypes('prioritized')).toBe(1_001);
  });

  test('is reported as incomplete if the batch job is gone', async () => {
    const { flow, prefix, lane } = openFlow();
    const plan = planOf(1_500);
    const adding = flow.add(plan, AGAIN, async () => {
      const redis = openRedis();
      await redis.unlink(`${prefix}:batches:${plan.job.batch_id}`);
    });
    await expect(adding).rejects.toMatchObject({ code: 'ENQUEUE_INCOMPLETE', message: expect.stringContaining('-5') });
    expect(await lane.getJobCountByTypes('prioritized')).toBe(1_000);
  });
});

describe('an id whose records have expired', () => {
  test.each([3, 1_201])('starts %i tasks anew, though the jobs of its first time are still kept', async (total) => {
    const { flow, prefix, lane, batches } = openFlow();
    const plan = planOf(total, { attempts: 1 });
    const { batch_id: batchId } = plan.job;
    await flow.add(plan, NEW, nothing);
    await endAll(LANE, prefix, total);
    if (total > 1_000) await endAll('gates', prefix, 1);
    await endAll('batches', prefix, 1);
    expect(await lane.getJobCounts('completed', 'failed', 'prioritized')).toMatchObject({ prioritized: 0 });

    await flow.add(plan, NEW, nothing);
    const anew = { completed: 0, failed: 0, prioritized: total };
    expect(await lane.getJobCounts('completed', 'failed', 'prioritized')).toEqual(anew);
    const unprocessed = total > 1_000 ? total + 1 : total;
    expect(await pending(batches, batchId)).toEqual({ unprocessed, processed: 0, ignored: 0, failed: 0 });
  });

  test('starts anew if its batch job is gone and a failed task is kept', async () => {
    const { flow, prefix, lane, batches } = openFlow();
    const plan = planOf(2, { attempts: 1 });
    await flow.add(plan, NEW, nothing);
    await endAll(LANE, prefix, 2);
    await endAll('batches', prefix, 1);
    await (await batches.getJob(plan.job.batch_id))?.remove({ removeChildren: false });
    await flow.add(plan, AGAIN, nothing); // as after a crash in the middle of it
    await endAll(LANE, prefix, 2);
    expect(await (await batches.getJob(plan.job.batch_id))?.getState()).toBe('waiting');
    expect(await lane.getJobCountByTypes('failed', 'completed')).toBe(2);
  });

  test('is refused while jobs of its first time have not ended, and they are left alone', async () => {
    const { flow, prefix, lane, batches } = openFlow();
    const plan = planOf(2);
    await flow.add(plan, NEW, nothing);
    const before = await keysOf(prefix);
    await expect(flow.add(plan, NEW, nothing)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      message: expect.stringContaining('its records have expired'),
    });
    await openRedis().unlink(batches.toKey(plan.job.batch_id));
    await expect(flow.add(plan, NEW, nothing)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      message: expect.stringContaining(taskIdOf(plan.job.batch_id, 0)),
    });
    await expect(flow.add(plan, AGAIN, nothing)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      message: expect.stringContaining('its batch job was removed'),
    });
    expect(await lane.getJobCountByTypes('prioritized')).toBe(2);
    expect((await keysOf(prefix)).length).toBe(before.length - 1);
  });
});

test('a flow that BullMQ reads holds the tasks of every lane under the batch [B155]', async () => {
  const { flow, prefix } = openFlow();
  const plan = planOf(3);
  const [first] = plan.tasks;
  if (first) first.data = { ...first.data, route: { ...first.data.route, provider: 'anthropic' } };
  await flow.add(plan, AGAIN, nothing);
  const reader = new FlowProducer({ connection, prefix });
  onTestFinished(() => reader.close());
  const tree = await reader.getFlow({ id: plan.job.batch_id, queueName: 'batches', prefix });
  const children = tree.children?.map(({ job }) => `${job.queueName} ${job.id}`).sort();
  expect(children).toEqual([
    `tasks-anthropic ${taskIdOf(plan.job.batch_id, 0)}`,
    `${LANE} ${taskIdOf(plan.job.batch_id, 1)}`,
    `${LANE} ${taskIdOf(plan.job.batch_id, 2)}`,
  ]);
});
