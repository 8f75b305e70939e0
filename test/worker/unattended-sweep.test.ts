import { Queue, Worker } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { Toolsets } from '../../src/agent/toolsets.ts';
import { loadConfig } from '../../src/app/config.ts';
import { createCatalogue } from '../../src/catalogue/catalogue.ts';
import { PriceBook } from '../../src/catalogue/prices.ts';
import { UnattendedJobs } from '../../src/queue/unattended-jobs.ts';
import { Announcements } from '../../src/records/announcements.ts';
import { BatchRecords } from '../../src/records/batch-records.ts';
import { SpendRecords } from '../../src/records/spend-records.ts';
import { TaskMetadata } from '../../src/records/task-metadata.ts';
import { UnattendedRecords } from '../../src/records/unattended-records.ts';
import { identifyWorker } from '../../src/worker/holding/identity.ts';
import { Reclaim } from '../../src/worker/holding/reclaim.ts';
import { UnattendedSweep } from '../../src/worker/unattended-sweep.ts';
import { VersionWait } from '../../src/worker/version-wait.ts';
import { redisUrl } from '../helpers/redis.ts';
import { aHandBack, releasersFor } from '../helpers/releasers.ts';
import { aWitness } from '../helpers/witness.ts';
import { openProducer, optionsOf, tasksOf } from '../producer/open-producer.ts';
import { openRecords, outcomeOf } from '../records/samples.ts';

const connection = { url: redisUrl(), maxRetriesPerRequest: null };
const HOUR_MS = 3_600_000;

/** A live worker that serves `lanes` but takes no job, its sweep, and a producer. */
async function aSweep({ lanes = ['anthropic'], unservedMs = HOUR_MS } = {}) {
  const { redis, prefix, given, stored, redactor, workers, tasks } = await openRecords();
  const self = await identifyWorker('sweeper');
  const announcements = new Announcements(redis, prefix);
  await announcements.publish(self.instance, { lanes: [...lanes], reader: 1 });
  await workers.register(self);
  const observer = aWitness();
  const releasers = releasersFor(redactor);
  const config = loadConfig({});
  const jobs = new UnattendedJobs(redis, prefix, () => undefined);
  onTestFinished(() => jobs.close());
  const sweep = new UnattendedSweep({
    records: tasks,
    spends: new SpendRecords(redis, prefix),
    metadata: new TaskMetadata(redis, prefix),
    batches: new BatchRecords(redis, prefix, redactor, 1_000),
    jobs,
    unattended: new UnattendedRecords(redis, prefix),
    announcements,
    lanes,
    unservedMs,
    versions: new VersionWait(announcements, HOUR_MS),
    redactor,
    observer,
    catalogue: createCatalogue(config.providers),
    prices: new PriceBook(),
    budget: config.budget,
    self,
    reclaim: new Reclaim({ ...aHandBack({ redis, prefix }), workers, records: tasks, self, releasers, observer }),
    releasers,
    toolsets: new Toolsets([]),
    instructions: undefined,
  });
  const options = optionsOf({ prefix });
  const producer = openProducer(options);
  const outcomesOf = (batchId: string) => Array.fromAsync(producer.outcomes(batchId));
  const queue = (name: string) => {
    const opened = new Queue(name, { connection, prefix, skipMetasUpdate: true });
    onTestFinished(() => opened.close());
    return opened;
  };
  return {
    redis,
    prefix,
    given,
    stored,
    tasks,
    workers,
    self,
    producer,
    outcomesOf,
    lane: queue('tasks-openai'),
    queue,
    sweepOnce: async () => {
      await given.noSweep();
      await sweep.sweep();
    },
    /** Makes the notes about the lane and the batch this old. */
    age: (batchId: string, ms: number) => given.unservedLonger(batchId, ms),
  };
}

test('tasks of an unserved lane fail once it was unserved for so long, and no sooner', async () => {
  const { producer, outcomesOf, sweepOnce, age, lane } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({ tasks: tasksOf(4) });
  await sweepOnce();
  await age(batchId, HOUR_MS - 60_000);
  await sweepOnce();
  expect((await producer.status(batchId)).ended).toBe(0);
  await age(batchId, 60_000);
  await sweepOnce();
  const outcomes = await outcomesOf(batchId);
  expect(outcomes.map(({ index }) => index)).toEqual([0, 2]);
  expect(outcomes).toMatchObject([
    { failure: { code: 'LANE_UNSERVED' }, route: { provider: 'openai' } },
    { failure: { code: 'LANE_UNSERVED' } },
  ]);
  expect(await lane.getJobCountByTypes('prioritized')).toBe(2);
  expect((await producer.status(batchId)).status).toBe('running');
});

test('a lane that was served meanwhile is unserved from that time on', async () => {
  const { producer, sweepOnce, age, given } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Waits', provider: 'openai' });
  await sweepOnce();
  await age(batchId, 2 * HOUR_MS);
  await given.laneServed('openai', HOUR_MS / 2);
  await sweepOnce();
  expect((await producer.status(batchId)).ended).toBe(0);
});

test('a batch enqueued long after its lane was last served waits its whole time', async () => {
  const { producer, sweepOnce, given } = await aSweep();
  await given.laneServed('openai', 50 * HOUR_MS);
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Waits', provider: 'openai' });
  await sweepOnce();
  await sweepOnce();
  expect((await producer.status(batchId)).ended).toBe(0);
});

test('a live worker of an earlier version keeps every lane served', async () => {
  const { producer, sweepOnce, age, workers } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Waits', provider: 'openai' });
  await sweepOnce();
  await age(batchId, 2 * HOUR_MS);
  await workers.register(await identifyWorker('earlier'));
  await sweepOnce();
  expect((await producer.status(batchId)).ended).toBe(0);
});

test('a task that a worker holds the lock of is left to that worker', async () => {
  const { producer, sweepOnce, outcomesOf, prefix } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({ tasks: tasksOf(4) });
  const worker = new Worker('tasks-openai', null, { connection, prefix });
  onTestFinished(() => worker.close());
  const held = await worker.getNextJob('token');
  await producer.cancel(batchId, 'enough');
  await sweepOnce();
  expect((await outcomesOf(batchId)).map(({ task_id }) => task_id)).not.toContain(held?.id);
  expect((await producer.status(batchId)).ended).toBe(3);
});

test('a task of a dead worker is closed as its newest attempt; a zombie is refused', async () => {
  const { producer, sweepOnce, age, outcomesOf, tasks } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Started once', provider: 'openai' });
  const taskId = `${batchId}-0`;
  const opening = await tasks.open(taskId, 'openai', 'dead');
  expect(opening.status).toBe('opened');
  await sweepOnce();
  await age(batchId, HOUR_MS);
  await sweepOnce();
  expect(await outcomesOf(batchId)).toMatchObject([
    { failure: { code: 'LANE_UNSERVED' }, attempts: [{ epoch: 1, ended: 'lost', worker: 'dead' }] },
  ]);
  await expect(tasks.hold(taskId, 1, [])).rejects.toMatchObject({ code: 'ATTEMPT_SUPERSEDED' });
  expect((await producer.status(batchId)).status).toBe('settled');
});

test('parked tasks that are cancelled individually leave the line to the others', async () => {
  const { producer, sweepOnce, tasks, stored } = await aSweep();
  const all = Array.from({ length: 4 }, (_, at) => ({ goal: `Task ${at}`, provider: 'openai' }));
  const { batch_id: batchId } = await producer.enqueue({ tasks: all, max_concurrent: 1 });
  for (const index of [0, 1, 2, 3]) await tasks.open(`${batchId}-${index}`, 'openai', 'w');
  expect(await stored.parked(batchId)).toHaveLength(3);
  await producer.cancel(`${batchId}-1`, 'not this one');
  await sweepOnce();
  expect((await producer.status(batchId)).counts.cancelled).toBe(1);
  expect(await stored.parked(batchId)).toEqual([`${batchId}-2@openai`, `${batchId}-3@openai`]);
});

test('a large batch that is cancelled while its producer adds it settles at once', async () => {
  const { producer, sweepOnce, given, queue } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({ tasks: tasksOf(1_200) });
  // As if the producer were still adding: the record is not sealed, and the gate is shut.
  await given.unsealed(batchId);
  const gate = await queue('gates').getJob(`${batchId}-gate`);
  await gate?.updateData({ sealed: false });
  await producer.cancel(batchId, 'wrong file');
  await sweepOnce();
  expect(await producer.status(batchId)).toMatchObject({
    status: 'settled',
    summary: { counts: { cancelled: 1_200 } },
  });
});

test('the jobs of a settled batch are removed a few at a time, and its batch job ends', async () => {
  const { producer, sweepOnce, lane, queue } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({
    tasks: Array.from({ length: 120 }, (_, at) => ({ goal: `Task ${at}`, provider: 'openai' })),
  });
  await producer.cancel(batchId, 'enough');
  await sweepOnce();
  expect((await producer.status(batchId)).status).toBe('settled');
  expect(await lane.getJobCountByTypes('prioritized')).toBe(120);
  await sweepOnce();
  expect(await lane.getJobCountByTypes('prioritized')).toBe(70);
  await sweepOnce();
  await sweepOnce();
  expect(await lane.getJobCountByTypes('prioritized')).toBe(0);
  expect(await (await queue('batches').getJob(batchId))?.getState()).toBe('waiting');
});

test('a task whose job was deleted behind the queue is found, and its batch settles', async () => {
  const { producer, sweepOnce, outcomesOf, redis, prefix, tasks, queue } = await aSweep({ lanes: ['openai'] });
  const all = [
    { goal: 'Deleted', provider: 'openai' },
    { goal: 'Kept', provider: 'openai' },
  ];
  const { batch_id: batchId } = await producer.enqueue({ tasks: all });
  await tasks.close(0, outcomeOf(`${batchId}-1`, 'kept'));
  await redis.unlink(`${prefix}:tasks-openai:${batchId}-0`);
  await sweepOnce();
  expect(await outcomesOf(batchId)).toMatchObject([{ failure: { code: 'TASK_REMOVED' } }, { status: 'succeeded' }]);
  expect((await producer.status(batchId)).status).toBe('settled');
  await sweepOnce();
  await sweepOnce();
  expect(await queue('batches').getJob(batchId)).toBeUndefined();
});

test('a batch settles although the queue of batch jobs is paused', async () => {
  const { producer, sweepOnce, outcomesOf, lane, queue } = await aSweep({ lanes: ['openai'] });
  await queue('batches').pause();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Removed', provider: 'openai' });
  await (await lane.getJob(`${batchId}-0`))?.remove();
  expect(await (await queue('batches').getJob(batchId))?.getState()).toBe('waiting');
  await sweepOnce();
  expect((await producer.status(batchId)).status).toBe('settled');
  expect(await outcomesOf(batchId)).toMatchObject([{ failure: { code: 'TASK_REMOVED' } }]);
  await sweepOnce();
  expect(await (await queue('batches').getJob(batchId))?.getState()).toBe('waiting');
});

test('a small batch whose producer died before the seal runs as a complete batch', async () => {
  const { producer, sweepOnce, given, stored } = await aSweep({ lanes: ['openai'] });
  const { batch_id: batchId } = await producer.enqueue({ goal: 'All in', provider: 'openai' });
  await given.unsealed(batchId, 1_000);
  await sweepOnce();
  expect((await producer.status(batchId)).status).toBe('running');
  expect(await stored.secondsLeft('batch', batchId)).toBe(-1);
});

test('one of several workers sweeps at a time', async () => {
  const { producer, sweepOnce, given } = await aSweep();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Cancelled', provider: 'openai' });
  await producer.cancel(batchId, 'enough');
  await given.endingElsewhere(batchId);
  await sweepOnce();
  expect((await producer.status(batchId)).ended).toBe(0);
  await given.noEnding(batchId);
  await sweepOnce();
  expect((await producer.status(batchId)).status).toBe('settled');
});
