import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import { laneOf } from '../../src/queue/names.ts';
import { goalsIn } from '../../src/queue/task-goals.ts';
import { freshPrefix, openRedis, redisUrl } from '../helpers/redis.ts';

/** A lane with these job data, by index; returns what is read of them, and of a task without a job. */
async function goalsOf(data: readonly object[]): Promise<readonly string[]> {
  const prefix = freshPrefix();
  const redis = openRedis(redisUrl());
  const lane = new Queue(laneOf('openai'), { connection: { url: redisUrl() }, prefix });
  onTestFinished(() => lane.close());
  const batch_id = newBatchId();
  for (const [index, each] of data.entries()) await lane.add('task', each, { jobId: taskIdOf(batch_id, index) });
  const jobs = [...data, {}].map((_, index) => ({ batch_id, index, provider: 'openai' }));
  return goalsIn(redis, prefix, jobs);
}

test('goals are read from the jobs that BullMQ has, by the index of their task', async () => {
  expect(await goalsOf([{ task: { goal: 'one' } }, { task: { goal: 'two' } }])).toEqual(['one', 'two']);
});

test('a job that is too large or has another form hides no goal of its neighbours', async () => {
  const large = { task: { goal: 'x', context: 'y'.repeat(300 * 1024) } };
  const found = await goalsOf([large, { task: 7 }, { task: { goal: ['x'] } }, { task: { goal: 'last' } }]);
  expect(Object.entries(found)).toEqual([['3', 'last']]);
});

test('jobs beyond the limit of all jobs together are not read', async () => {
  const task = { goal: 'g', context: 'y'.repeat(250 * 1024) };
  const found = await goalsOf(Array.from({ length: 40 }, () => ({ task })));
  expect(Object.keys(found).length).toBeGreaterThan(20);
  expect(Object.keys(found).length).toBeLessThan(40);
});
