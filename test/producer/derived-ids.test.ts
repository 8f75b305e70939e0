import { expect, test } from 'vitest';
import { batchIdOf, type ErrandEvent, isErrandError, taskIdOf } from '../../src/entries/producer.ts';
import { aDeployment } from '../helpers/deployment.ts';

const KEY = 'order-42';

test('the ids of a batch and its tasks follow from the idempotency key', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  await startWorker();
  const tasks = [0, 1].map((at) => ({ goal: `Task ${at}`, provider: 'local' }));
  const receipt = await producer.enqueue({ idempotency_key: KEY, tasks });
  expect(receipt.batch_id).toBe(batchIdOf(KEY));
  await producer.settled(receipt);
  const outcomes = await outcomesOf(receipt.batch_id);
  expect(outcomes.map(({ task_id }) => task_id)).toEqual([0, 1].map((at) => taskIdOf(batchIdOf(KEY), at)));
});

test('a listener that listens before enqueue hears every event', async () => {
  const { producer, startWorker } = await aDeployment();
  await startWorker();
  const batchId = batchIdOf(KEY);
  const heard: ErrandEvent[] = [];
  const settled = Promise.withResolvers<void>();
  const stop = await producer.onEvent(batchId, (event) => {
    heard.push(event);
    if (event.event === 'batch_settled') settled.resolve();
  });
  const tasks = Array.from({ length: 20 }, (_, at) => ({ goal: `Task ${at}`, provider: 'local' }));
  await producer.enqueue({ idempotency_key: KEY, tasks });
  await settled.promise;
  await stop();
  for (const index of tasks.keys()) {
    const own = heard.filter((event) => 'index' in event && event.index === index);
    expect(own.map(({ event }) => event)).toEqual(['attempt_started', 'turn_recorded', 'task_ended']);
    expect(own.every((event) => 'task_id' in event && event.task_id === taskIdOf(batchId, index))).toBe(true);
  }
  expect(heard.at(-1)).toMatchObject({ event: 'batch_settled', batch_id: batchId });
  expect(heard).toHaveLength(3 * tasks.length + 1);
});

test.each<[string, string]>([
  ['empty', ''],
  ['too long', 'k'.repeat(201)],
  ['half of a character', '\ud83d'],
])('batchIdOf refuses a key that enqueue refuses: %s', async (_, key) => {
  const { producer } = await aDeployment();
  const refused = { code: 'BATCH_INVALID', problems: [expect.objectContaining({ path: 'idempotency_key' })] };
  await expect(producer.enqueue({ goal: 'a', provider: 'local', idempotency_key: key })).rejects.toMatchObject(refused);
  expect(() => batchIdOf(key)).toThrow(expect.objectContaining(refused));
});

test.each<[string, number]>([
  ['order-42', 0],
  [batchIdOf(KEY), -1],
  [batchIdOf(KEY), 0.5],
  [batchIdOf(KEY), 1_000_000],
])('taskIdOf refuses what is no task: %s, %d', (batchId, index) => {
  expect(() => taskIdOf(batchId, index)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
});

test('onEvent refuses an id that no batch can have', async () => {
  const { producer } = await aDeployment();
  const refusal = await producer.onEvent('order-42', () => undefined).catch((error: unknown) => error);
  expect(isErrandError(refusal, 'NOT_FOUND')).toBe(true);
});
