import { Queue } from 'bullmq';
import { expect, onTestFinished, test, vi } from 'vitest';
import { BATCH_QUEUE } from '../../src/queue/names.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';

test('an idempotency key whose records expired starts its batch anew', async () => {
  const { producer, startWorker, simulator, prefix } = await aDeployment();
  await startWorker();
  const batch = {
    idempotency_key: 'weekly',
    tasks: [
      { goal: 'Summarise the week.', provider: 'local' },
      { goal: 'Fails. [[sim: status=400]]', provider: 'openai' },
    ],
  };
  const { batch_id: batchId } = await producer.enqueue(batch);
  const first = await producer.settled(batchId);
  const batches = new Queue(BATCH_QUEUE, { connection: openRedis(), prefix, skipMetasUpdate: true });
  onTestFinished(() => batches.close());
  await vi.waitFor(async () => expect(await batches.getJobState(batchId)).toBe('completed'));
  await givenIn(prefix).noBatch(batchId);

  expect(await producer.enqueue(batch)).toMatchObject({ batch_id: batchId, is_new: true });
  const second = await producer.settled(batchId, { signal: AbortSignal.timeout(60_000) });
  expect(second.counts).toEqual({ succeeded: 1, failed: 1, rejected: 0, cancelled: 0 });
  expect(second.failures).toMatchObject(first.failures.map(({ failure: { code } }) => ({ failure: { code } })));
  expect(simulator.requests()).toHaveLength(4);
});
