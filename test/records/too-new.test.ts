import { expect, test } from 'vitest';
import { checkpointOf, openRecords } from './samples.ts';

test('a task that needs a newer worker takes no place; its wait is counted by Redis', async () => {
  const { tasks, taskIds, keys, redis, batchId } = await openRecords({ maxConcurrent: 1 });
  const [newer = '', plain = ''] = taskIds;
  expect(await tasks.open(newer, 'local', 'w', 99)).toMatchObject({
    status: 'too_new',
    needs: 99,
    looks: 1,
    waiting: 1,
  });
  expect(await tasks.open(plain, 'local', 'w')).toMatchObject({ status: 'opened', epoch: 1 });
  await redis.hset(keys.task(newer), 'too_new_since', Number((await redis.time())[0]) * 1000 - 5_000);
  const again = await tasks.open(newer, 'local', 'w', 98);
  expect(again).toMatchObject({ status: 'too_new', needs: 98, looks: 2, waiting: 1 });
  expect(again.status === 'too_new' && again.waitedMs).toBeGreaterThanOrEqual(5_000);
  expect(await redis.hget(keys.task(newer), 'epoch')).toBeNull();
  expect(await redis.smembers(keys.resting(batchId))).toEqual([`${newer}@local`]);
});

test('a wait that is started over, or ended by an attempt, leaves nothing', async () => {
  const { tasks, taskIds, keys, redis } = await openRecords();
  const [taskId = ''] = taskIds;
  await tasks.open(taskId, 'local', 'w', 99);
  await tasks.restartWait(taskId);
  expect(await redis.exists(keys.task(taskId))).toBe(0);
  await tasks.open(taskId, 'local', 'w', 99);
  expect(await tasks.open(taskId, 'local', 'w')).toMatchObject({ status: 'opened', epoch: 1, past: [] });
  expect(await redis.hkeys(keys.task(taskId))).not.toContain('too_new_since');
});

test.each([
  ['{"version":1,"needs":7}', 7],
  ['{ "version" : 9 }', 9],
  ['{"worker":"w","needs":1e300}', 1e300],
  ['{"version":1,"metadata":{"needs":9,"version":9}}', null],
  ['{"version":1,"needs":"9"}', null],
  ['{"version":1,"needs":2.5}', null],
  ['[{"needs":9}]', null],
  ['{"needs":9', null],
  [`{"version":1,"text":${JSON.stringify('"needs":9,"version":9')}}`, null],
])('the script reads what %s needs as the schema does', async (text, needs) => {
  const { tasks, taskIds, keys, redis } = await openRecords();
  const [taskId = ''] = taskIds;
  await redis.rpush(keys.turns(taskId), text);
  const opening = await tasks.open(taskId, 'local', 'w');
  expect(opening).toMatchObject(needs === null ? { status: 'unreadable' } : { status: 'too_new', needs });
});

test('a plain history is opened, whatever its turns say', async () => {
  const { tasks, taskIds } = await openRecords();
  const [taskId = ''] = taskIds;
  await tasks.open(taskId, 'local', 'w');
  await tasks.checkpoint(taskId, 1, checkpointOf(1, '{"needs":9,"version":9}'));
  expect(await tasks.open(taskId, 'local', 'w')).toMatchObject({ status: 'opened', epoch: 2 });
});
