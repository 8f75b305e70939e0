import { expect, test } from 'vitest';
import { WorkerRecords } from '../../src/records/worker-records.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { aWorkerInTrouble, redisLines } from '../helpers/worker-in-trouble.ts';

test('a batch that Redis lost is lost to its waiters; the workers register again', async () => {
  const { url } = await startRedisServer();
  const trouble = await aWorkerInTrouble(url);
  const { producer, batchId, simulator, worker, prefix } = trouble;
  const workers = new WorkerRecords(openRedis(url), prefix);
  const known = await workers.list();
  const waiting = producer.settled(batchId);
  waiting.catch(() => undefined);
  await (await producer.onEvent(batchId, () => undefined))(); // `waiting` listens by now, and looks before we do
  expect((await producer.status(batchId)).running).toBe(6);
  await openRedis(url).flushall();
  await expect(waiting).rejects.toMatchObject({ code: 'BATCH_LOST', message: expect.stringContaining(batchId) });
  await expect(producer.status({ batch_id: batchId })).rejects.toMatchObject({ code: 'BATCH_LOST' });
  await expect(producer.status(batchId)).rejects.toMatchObject({ code: 'NOT_FOUND' });

  await expect.poll(() => worker.running()).toBe(0);
  const { batch_id: next } = await producer.enqueue({ tasks: [{ goal: 'Afterwards', provider: 'local' }] });
  expect((await producer.settled(next)).counts.succeeded).toBe(1);
  expect(simulator.requests()).toHaveLength(7);
  expect(redisLines(trouble)).toEqual([]);
  const onRecord = async () => (await workers.list()).map(({ identity }) => identity);
  await expect.poll(onRecord).toEqual(known.map(({ identity }) => identity));
});
