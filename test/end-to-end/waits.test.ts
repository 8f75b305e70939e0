import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { redisUrl } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';

function queueOf({ prefix }: Deployment, name: string): Queue {
  const connection = { url: redisUrl(), maxRetriesPerRequest: null };
  const queue = new Queue(name, { connection, prefix, skipMetasUpdate: true });
  onTestFinished(() => queue.close());
  return queue;
}

async function startWithoutAcme({ startWorker, settings }: Deployment) {
  const { acme: _, ...providers } = settings.providers as Record<string, object>;
  return startWorker({}, { providers });
}

const LOCAL = { goal: 'Say hi', provider: 'local' };
const ACME = { goal: 'Say hi', provider: 'acme' };

test('receipt and status say that no worker is alive, and status stops once one is', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker } = deployment;
  const { batch_id, warnings } = await producer.enqueue({ tasks: [LOCAL, ACME], admission: 'task' });
  expect(warnings).toEqual(['no worker is alive: its tasks wait. Start one: errand worker.']);
  const status = await producer.status(batch_id);
  expect(status.waits_for).toEqual([
    { reason: 'no_worker', message: 'no worker is alive', remedy: expect.stringContaining('errand worker') },
  ]);
  await startWorker();
  await producer.settled(batch_id);
  expect(await producer.status(batch_id)).not.toHaveProperty('waits_for');
  expect((await producer.enqueue(LOCAL)).warnings).toEqual([]);
});

test('receipt and status name the lane that no live worker serves [B141]', async () => {
  const deployment = await aDeployment();
  const { producer } = deployment;
  await startWithoutAcme(deployment);
  const { batch_id, warnings } = await producer.enqueue({ tasks: [LOCAL, ACME] });
  expect(warnings).toEqual([expect.stringMatching(/^no live worker serves lane "acme": .* Start a worker that has/)]);
  expect((await producer.status(batch_id)).waits_for).toMatchObject([{ reason: 'lane_unserved', lane: 'acme' }]);
  await producer.cancel(batch_id);
  await producer.settled(batch_id);
});

test('status names a paused lane, and no lane in which the batch has no task left', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker } = deployment;
  await startWorker();
  const [local, openai] = [queueOf(deployment, 'tasks-local'), queueOf(deployment, 'tasks-openai')];
  await local.pause();
  const { batch_id, warnings } = await producer.enqueue({ tasks: [LOCAL, { ...LOCAL, provider: 'openai' }] });
  expect(warnings).toEqual([expect.stringContaining('lane "local" is paused')]);
  await expect.poll(async () => (await producer.status(batch_id)).ended).toBe(1);
  await expect.poll(() => openai.getJobCountByTypes('active')).toBe(0);
  await openai.pause();
  expect((await producer.status(batch_id)).waits_for).toMatchObject([{ reason: 'lane_paused', lane: 'local' }]);
  await local.resume();
  await producer.settled(batch_id);
  await openai.resume();
});

test('a batch whose job was removed is reported as lost; its outcomes can be read', async () => {
  const deployment = await aDeployment();
  const { producer, startWorker, outcomesOf } = deployment;
  const lane = queueOf(deployment, 'tasks-openai');
  await lane.pause();
  await startWorker();
  const batch = { tasks: [LOCAL, { ...LOCAL, provider: 'openai' }], idempotency_key: 'removed' };
  const { batch_id } = await producer.enqueue(batch);
  await expect.poll(async () => (await producer.status(batch_id)).ended).toBe(1);
  const waiting = producer.settled(batch_id);
  await (await queueOf(deployment, 'batches').getJob(batch_id))?.remove();
  const removed = { code: 'BATCH_LOST', batchId: batch_id, message: expect.stringContaining('removed from the queue') };
  await expect(waiting).rejects.toMatchObject(removed);
  await expect(producer.status(batch_id)).rejects.toMatchObject(removed);
  expect(await outcomesOf(batch_id)).toMatchObject([{ status: 'succeeded' }]);

  await lane.resume();
  expect(await producer.enqueue(batch)).toMatchObject({ batch_id, is_new: false });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(2);
  const outcomes = await outcomesOf(batch_id);
  expect(outcomes.map(({ attempts }) => attempts.length)).toEqual([1, 1]);
});

test('status of a batch that is not all in the queue says so, with the way out', async () => {
  const deployment = await aDeployment();
  const { producer, prefix, startWorker } = deployment;
  const lane = queueOf(deployment, 'tasks-local');
  await lane.pause();
  await startWorker();
  const { batch_id } = await producer.enqueue(LOCAL);
  await givenIn(prefix).unsealed(batch_id);
  expect((await producer.status(batch_id)).waits_for).toMatchObject([
    { reason: 'enqueueing', remedy: expect.stringContaining('idempotency_key') },
    { reason: 'lane_paused' },
  ]);
  await lane.resume();
  await producer.settled(batch_id);
});
