import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';

/** Writes a job as a newer version would. */
async function ageJob(prefix: string, queue: string, id: string): Promise<Queue> {
  const opened = new Queue(queue, { connection: openRedis(), prefix, skipMetasUpdate: true });
  onTestFinished(() => opened.close());
  const job = await opened.getJob(id);
  await job?.updateData({ ...job.data, version: 2 });
  return opened;
}

test('a task job that does not parse fails its task, and the others run', async () => {
  const { producer, startWorker, prefix, outcomesOf } = await aDeployment();
  const { batch_id: batchId } = await producer.enqueue({
    tasks: [
      { goal: 'Damaged', provider: 'local' },
      { goal: 'Whole', provider: 'local' },
    ],
  });
  const lane = new Queue('tasks-local', { connection: openRedis(), prefix, skipMetasUpdate: true });
  onTestFinished(() => lane.close());
  await (await lane.getJob(taskIdOf(batchId, 0)))?.updateData({ version: 1, batch_id: batchId, index: 'zero' });
  await startWorker();
  await producer.settled(batchId);
  expect(await outcomesOf(batchId)).toMatchObject([
    { status: 'failed', route: null, failure: { code: 'TASK_INVALID' } },
    { status: 'succeeded' },
  ]);
});

test('a batch job of a newer version settles its batch: its record says what it is', async () => {
  const { producer, startWorker, prefix } = await aDeployment();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Go', provider: 'local' });
  await ageJob(prefix, 'batches', batchId);
  await startWorker();
  expect((await producer.settled(batchId)).counts.succeeded).toBe(1);
});

test('a batch job whose batch is not on record is not tried again and again', async () => {
  const { producer, startWorker, prefix } = await aDeployment();
  const { batch_id: batchId } = await producer.enqueue({ goal: 'Go', provider: 'local' });
  const batches = await ageJob(prefix, 'batches', batchId);
  await givenIn(prefix).noBatch(batchId);
  await startWorker();
  await expect.poll(async () => (await batches.getJob(batchId))?.failedReason).toContain('NOT_FOUND');
  expect((await batches.getJob(batchId))?.attemptsMade).toBe(1);
});

test('a stored record that does not parse fails its task, and the batch settles', async () => {
  const { producer, startWorker, outcomesOf, prefix } = await aDeployment();
  const { batch_id } = await producer.enqueue({
    tasks: [1, 2].map((at) => ({ goal: `Task ${at}`, provider: 'local' })),
  });
  const given = givenIn(prefix);
  await given.attempt(`${batch_id}-0`, 1, '{"from":"the future"}');
  await given.outcome(`${batch_id}-1`, { version: 1 });
  await startWorker();
  expect((await producer.settled(batch_id)).counts).toMatchObject({ failed: 2 });
  const codes = (await outcomesOf(batch_id)).map((outcome) => outcome.status === 'failed' && outcome.failure.code);
  expect(codes).toEqual(['RECORD_UNREADABLE', 'RECORD_UNREADABLE']);
});
