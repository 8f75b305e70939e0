import { type Job, Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { isoNow } from '../../src/base/clock.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import { Announcements } from '../../src/records/announcements.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { openRedis, storedIn } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';
import { attemptOf, checkpointOf, outcomeOf } from '../records/samples.ts';

/** The time after which workers stop waiting for a newer version. */
const SHORT = { tasks: { backoff_ms: 20, version_wait_ms: 300 } };

function openQueue({ prefix }: Deployment, name: string): Queue {
  const queue = new Queue(name, { connection: openRedis(), prefix, skipMetasUpdate: true });
  onTestFinished(() => queue.close());
  return queue;
}

async function jobIn(queue: Queue, id: string): Promise<Job> {
  const job = await queue.getJob(id);
  if (!job) throw new Error(`no job ${id}`);
  return job;
}

/** Enqueues tasks in the lane "local", and adds fields to the job of the first task that this version does not write. */
async function enqueueNewer(deployment: Deployment, more: object, goals = ['Newer', 'Plain']) {
  const tasks = goals.map((goal) => ({ goal, provider: 'local', metadata: { goal } }));
  const { batch_id: batchId } = await deployment.producer.enqueue({ tasks });
  const lane = openQueue(deployment, 'tasks-local');
  const job = await jobIn(lane, taskIdOf(batchId, 0));
  const plain = job.data;
  await job.updateData({ ...plain, ...more });
  return { batchId, taskId: taskIdOf(batchId, 0), lane, plain };
}

async function isPutBack(lane: Queue, taskId: string): Promise<void> {
  await expect.poll(async () => (await jobIn(lane, taskId)).getState()).toBe('delayed');
}

/** Registers a worker of a newer version. */
async function announceNewer(deployment: Deployment, reader: number): Promise<void> {
  const given = givenIn(deployment.prefix);
  await given.identity('newer', null);
  await given.silence('newer', -60_000);
  await new Announcements(openRedis(), deployment.prefix).publish('newer', { lanes: ['local'], reader });
}

test.each([[{ needs: 99 }], [{ version: 99 }], [{ version: 99, batch_id: 7, route: 'elsewhere' }]])(
  'a job with %j waits, and fails once no newer worker has come',
  async (more) => {
    const deployment = await aDeployment({ settings: SHORT });
    const { batchId, taskId, lane } = await enqueueNewer(deployment, more);
    await deployment.startWorker();
    const { counts } = await deployment.producer.settled(batchId);
    expect(counts).toMatchObject({ succeeded: 1, failed: 1 });
    const [newer, plain] = await deployment.outcomesOf(batchId);
    expect(newer).toMatchObject({ status: 'failed', attempts: [], failure: { code: 'VERSION_TOO_NEW' } });
    expect(plain).toMatchObject({ status: 'succeeded' });
    expect(await storedIn(deployment.prefix).taskFields(taskId)).toEqual([]);
    expect((await lane.getJobLogs(taskId)).logs.join('\n')).toContain('waits for a worker with reader version');
  },
);

test('a job with fields that only inform runs at once, and its outcome tells them', async () => {
  const deployment = await aDeployment();
  const { batchId, plain } = await enqueueNewer(deployment, {});
  const lane = openQueue(deployment, 'tasks-local');
  const route = { ...plain.route, region: 'eu', requested: { ...plain.route.requested, note: 'x' } };
  await (await jobIn(lane, taskIdOf(batchId, 0))).updateData({ ...plain, hint: 1, needs: 1, route });
  await deployment.startWorker();
  await deployment.producer.settled(batchId);
  expect(await deployment.outcomesOf(batchId)).toMatchObject([{ status: 'succeeded', route }, { status: 'succeeded' }]);
});

test('a job that waits opens no attempt and spends no try', async () => {
  const deployment = await aDeployment();
  const { taskId, lane } = await enqueueNewer(deployment, { needs: 99 });
  await deployment.startWorker();
  await isPutBack(lane, taskId);
  expect(await storedIn(deployment.prefix).taskFields(taskId)).toEqual(['too_new_looks', 'too_new_since']);
  expect(await jobIn(lane, taskId)).toMatchObject({ attemptsMade: 0, delay: expect.any(Number) });
});

test('a job that waits runs once a worker can read it', async () => {
  const deployment = await aDeployment();
  const { batchId, taskId, lane, plain } = await enqueueNewer(deployment, { needs: 99 });
  await deployment.startWorker();
  await isPutBack(lane, taskId);
  const job = await jobIn(lane, taskId);
  await job.updateData(plain);
  await job.promote();
  await deployment.producer.settled(batchId);
  expect(await deployment.outcomesOf(batchId)).toMatchObject([
    { status: 'succeeded', attempts: [{ epoch: 1, ended: 'succeeded' }] },
    { status: 'succeeded' },
  ]);
});

test('while a newer worker serves the lane, the wait does not run out', async () => {
  const deployment = await aDeployment({ settings: { tasks: { backoff_ms: 20, version_wait_ms: 1 } } });
  const { batchId, taskId, lane } = await enqueueNewer(deployment, { needs: 99 });
  await announceNewer(deployment, 99);
  await deployment.startWorker();
  const looks = async () => {
    await announceNewer(deployment, 99);
    return (await jobIn(lane, taskId)).attemptsStarted;
  };
  await expect.poll(looks).toBeGreaterThan(2);
  const status = await deployment.producer.status(batchId);
  expect(status).toMatchObject({ status: 'running', counts: { failed: 0, succeeded: 1 } });
  await announceNewer(deployment, 98);
  expect((await deployment.producer.settled(batchId)).counts).toMatchObject({ failed: 1, succeeded: 1 });
});

test('cancel while the job waits for a newer worker: it ends as cancelled', async () => {
  const deployment = await aDeployment();
  const { batchId, taskId, lane } = await enqueueNewer(deployment, { needs: 99 });
  await deployment.startWorker();
  await isPutBack(lane, taskId);
  await deployment.producer.cancel(batchId, 'not needed');
  await deployment.producer.settled(batchId);
  const [newer] = await deployment.outcomesOf(batchId);
  expect(newer).toMatchObject({ status: 'cancelled', reason: 'not needed', attempts: [], metadata: { goal: 'Newer' } });
});

test('a batch whose record is too new waits, and its status says to upgrade', async () => {
  const deployment = await aDeployment({ settings: SHORT });
  const { producer } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Go', provider: 'local' });
  await givenIn(deployment.prefix).batchChanged(batchId, { needs: 99, pool: 'eu' });
  const refused = { code: 'RECORD_UNREADABLE', needs: 99, remedy: expect.stringContaining('Upgrade') };
  await expect(producer.status(batchId)).rejects.toMatchObject(refused);
  await expect(deployment.outcomesOf(batchId)).rejects.toMatchObject(refused);
  await deployment.startWorker();
  const stored = storedIn(deployment.prefix);
  await expect.poll(() => stored.summary(batchId)).toContain('"failed":1');
  expect(await stored.outcome(taskIdOf(batchId, 0))).toContain('VERSION_TOO_NEW');
  const job = await jobIn(openQueue(deployment, 'batches'), batchId);
  await expect.poll(() => job.getState()).toBe('completed');
});

test('a batch whose outcome is too new settles once a worker can read it', async () => {
  const deployment = await aDeployment();
  const { producer } = deployment;
  const { batchId, lane, taskId } = await enqueueNewer(deployment, { needs: 99 }, ['Newer']);
  const outcome = { ...outcomeOf(taskId, 'Done'), needs: 99 };
  await givenIn(deployment.prefix).outcome(taskId, outcome);
  await deployment.startWorker();
  const batches = openQueue(deployment, 'batches');
  await expect.poll(async () => (await jobIn(lane, taskId)).getState()).toBe('failed');
  await isPutBack(batches, batchId);
  expect(await producer.status(batchId)).toMatchObject({ status: 'running' });
  await givenIn(deployment.prefix).outcome(taskId, { ...outcome, needs: 1 });
  await (await jobIn(batches, batchId)).promote();
  expect((await producer.settled(batchId)).failures).toEqual([]);
});

test('a batch settled by a newer worker is done, though its summary cannot be read', async () => {
  const deployment = await aDeployment();
  const { producer } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Go', provider: 'local' });
  const summary = JSON.stringify({ version: 99, batch_id: batchId });
  await givenIn(deployment.prefix).settled(batchId, summary);
  await deployment.startWorker();
  const batches = openQueue(deployment, 'batches');
  await expect.poll(async () => (await jobIn(batches, batchId)).getState()).toBe('completed');
  expect(await storedIn(deployment.prefix).summary(batchId)).toBe(summary);
  await expect(producer.settled(batchId)).rejects.toMatchObject({ code: 'RECORD_UNREADABLE', needs: 99 });
});

test('a task whose checkpoint is too new waits as its job would', async () => {
  const deployment = await aDeployment({ settings: SHORT });
  const { batchId, taskId } = await enqueueNewer(deployment, {});
  const given = givenIn(deployment.prefix);
  await given.attempt(taskId, 1, attemptOf(1, 'handed_back'));
  await given.turn(taskId, { ...checkpointOf(1), version: 99 });
  await deployment.startWorker();
  await deployment.producer.settled(batchId);
  expect(await deployment.outcomesOf(batchId)).toMatchObject([
    { status: 'failed', failure: { code: 'VERSION_TOO_NEW' } },
    { status: 'succeeded' },
  ]);
});

test('an outcome keeps what a newer worker wrote of an attempt, but not of a cancel', async () => {
  const deployment = await aDeployment();
  const { batchId, taskId } = await enqueueNewer(deployment, {});
  const given = givenIn(deployment.prefix);
  await given.attempt(taskId, 1, { ...attemptOf(1, 'handed_back'), region: 'eu' });
  const flag = { reason: 'no', requested_at: isoNow(), status: 'succeeded', task_id: 'forged', by: 'someone' };
  await given.cancelled(taskIdOf(batchId, 1), flag);
  await deployment.startWorker();
  await deployment.producer.settled(batchId);
  const [kept, cancelled] = await deployment.outcomesOf(batchId);
  expect(kept).toMatchObject({ status: 'succeeded', attempts: [{ epoch: 1, region: 'eu' }, { epoch: 2 }] });
  expect(cancelled).toMatchObject({ status: 'cancelled', reason: 'no', task_id: taskIdOf(batchId, 1) });
  expect(cancelled).not.toHaveProperty('by');
});

test('a damaged batch record is reported as such, and settling is not tried again', async () => {
  const deployment = await aDeployment();
  const { producer } = deployment;
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Go', provider: 'local' });
  await givenIn(deployment.prefix).batchChanged(batchId, { total: 'many' });
  await expect(producer.status(batchId)).rejects.toMatchObject({ code: 'RECORD_UNREADABLE' });
  await deployment.startWorker();
  const batches = openQueue(deployment, 'batches');
  await expect.poll(async () => (await jobIn(batches, batchId)).failedReason).toContain('RECORD');
  expect((await jobIn(batches, batchId)).attemptsMade).toBe(1);
  expect(JSON.parse(await storedIn(deployment.prefix).outcome(taskIdOf(batchId, 0)))).toMatchObject({
    status: 'failed',
    failure: { code: 'RECORD_UNREADABLE' },
  });
});
