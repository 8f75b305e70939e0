import { expect, test } from 'vitest';
import { NO_SPEND } from '../../src/contract/spend.ts';
import { NO_USAGE } from '../../src/contract/usage.ts';
import { SpendRecords } from '../../src/records/spend-records.ts';
import { attemptOf, openRecords, outcomeOf, summaryOf } from './samples.ts';

const spend = { ...NO_SPEND, usage: { ...NO_USAGE, input_tokens: 4_096 }, known_cost_usd: 0.5, max_cost_usd: 2 };

async function openSpends() {
  const opened = await openRecords();
  const [taskId = expect.fail('there is no task')] = opened.taskIds;
  return { ...opened, taskId, spends: new SpendRecords(opened.redis, opened.prefix) };
}

test('what the cut-off calls of an attempt cost is in the history of the next one', async () => {
  const { tasks, taskId, spends } = await openSpends();
  await tasks.open(taskId, 'openai', 'w');
  await spends.note(taskId, 1, spend);
  await tasks.endAttempt(taskId, attemptOf(1, 'handed_back'));
  const opening = await tasks.open(taskId, 'openai', 'w');
  expect(opening).toMatchObject({ status: 'opened', cutSpends: new Map([[1, spend]]) });
});

test('a spend that cannot be read hides nothing else', async () => {
  const { tasks, taskId, redis, keys } = await openSpends();
  await tasks.open(taskId, 'openai', 'w');
  await redis.hset(keys.task(taskId), 'spend1', '{"usage":-1}', 'spend__proto__', '{}', 'spend2', 'no JSON');
  await redis.hset(keys.task(taskId), 'spend3', JSON.stringify({ ...spend, calls_of_unknown_cost: 2 ** 52 }));
  expect(await tasks.history(taskId)).toMatchObject({
    past: [{ epoch: 1 }],
    cutSpends: new Map(),
    isUnreadable: false,
  });
});

test('a spend of a task that has its outcome leaves no record behind', async () => {
  const { tasks, taskId, spends, redis, keys } = await openSpends();
  await tasks.open(taskId, 'openai', 'w');
  await tasks.close(1, outcomeOf(taskId, 'done'));
  await spends.note(taskId, 1, spend);
  expect(await redis.exists(keys.task(taskId))).toBe(0);
});

test('calls of unknown cost are stored beside outcome and summary, and counted once', async () => {
  const { tasks, batches, batchId, taskId, redis, keys } = await openSpends();
  const unknown = { calls_of_unknown_cost: 2, known_cost_usd: 0.25 };
  const outcome = { ...outcomeOf(taskId, 'done'), cost_usd: null, ...unknown };
  await tasks.open(taskId, 'openai', 'w');
  expect((await tasks.close(1, outcome)).outcome).toEqual(outcome);
  await tasks.close(1, outcome);
  expect(await batches.outcomes(batchId, 0, 1)).toEqual([outcome]);
  expect(JSON.parse((await redis.hget(keys.outcomes(batchId), '0')) ?? '')).not.toHaveProperty('calls_of_unknown_cost');
  expect(await batches.status(batchId)).toMatchObject({ status: 'running', calls_of_unknown_cost: 2 });
  const summary = { ...summaryOf(batchId, 'sample'), cost_usd: null, ...unknown };
  expect(await batches.settle(summary)).toEqual(summary);
  expect(await batches.settle(summaryOf(batchId, 'late'))).toEqual(summary);
  expect(await batches.summary(batchId)).toEqual(summary);
  expect(await batches.status(batchId)).toMatchObject({ status: 'settled', summary });
});

test('the shared context of a batch is measured in bytes', async () => {
  const { spends, batchId } = await openSpends();
  expect(await spends.contextBytes(batchId)).toBe('shared context'.length);
});
