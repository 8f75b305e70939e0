import { describe, expect, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import type { ErrandEvent } from '../../src/contract/events.ts';
import { Channels } from '../../src/records/channels.ts';
import { EnqueueClaims } from '../../src/records/enqueue-claims.ts';
import { openRedis } from '../helpers/redis.ts';
import {
  attemptOf,
  checkpointOf,
  intentOf,
  openRecords,
  outcomeOf,
  RETENTION_SECONDS,
  recordOf,
  releasedOf,
  summaryOf,
} from './samples.ts';

describe('creating a batch', () => {
  test('makes its record once and returns its stage the next time', async () => {
    const { batches } = await openRecords();
    const record = recordOf(newBatchId(), 2);
    expect(await batches.create(record, 'context', 'f')).toBeNull();
    expect(await batches.create({ ...record, name: 'other' }, 'other', 'f')).toBe('enqueueing');
    await batches.seal(record.batch_id);
    expect(await batches.create(record, 'context', 'f')).toBe('running');
    expect(await batches.read(record.batch_id)).toEqual({ record, context: 'context', verdict: null });
    await batches.settle(summaryOf(record.batch_id, 'sample'));
    expect(await batches.create(record, 'context', 'f')).toBe('settled');
  });

  test('is refused if the record is of another batch', async () => {
    const { batches } = await openRecords();
    const record = recordOf(newBatchId(), 2);
    await batches.create(record, '', 'f');
    await expect(batches.create(record, '', 'g')).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });

  test('lets one producer at a time add the jobs', async () => {
    const { batches, batchId, redis, prefix } = await openRecords();
    const claims = new EnqueueClaims(redis, prefix);
    expect(await claims.claim(batchId, 'one')).toBe(true);
    expect(await claims.claim(batchId, 'other')).toBe(false);
    expect(await claims.claim(batchId, 'one')).toBe(true);
    await claims.release(batchId, 'other');
    expect(await claims.claim(batchId, 'other')).toBe(false);
    await claims.release(batchId, 'one');
    expect(await claims.claim(batchId, 'other')).toBe(true);
    await batches.seal(batchId);
    expect(await claims.claim(batchId, 'one')).toBe(true);
  });
});

describe('retention', () => {
  test('lasts a day until sealed, without end while it runs, then as configured [B142]', async () => {
    const { batches, tasks, redis, keys } = await openRecords();
    const record = recordOf(newBatchId(), 1);
    const { batch_id: batchId } = record;
    await batches.create(record, '', 'f');
    expect(await redis.ttl(keys.batch(batchId))).toBeCloseTo(86_400, -1);
    await batches.seal(batchId);
    expect(await redis.ttl(keys.batch(batchId))).toBe(-1);
    await tasks.close(0, outcomeOf(taskIdOf(batchId, 0), 'done'));
    await batches.settle(summaryOf(batchId, 'sample'));
    for (const key of [keys.batch(batchId), keys.outcomes(batchId)])
      expect(await redis.ttl(key)).toBeCloseTo(RETENTION_SECONDS, -1);
  });

  test('does not end while a task runs, if the producer died before the seal', async () => {
    const { batches, tasks, redis, keys } = await openRecords();
    const record = recordOf(newBatchId(), 1);
    await batches.create(record, '', 'f');
    await tasks.open(taskIdOf(record.batch_id, 0), 'openai', 'w');
    expect(await redis.ttl(keys.batch(record.batch_id))).toBe(-1);
  });

  test('continues if a batch is sealed after it has settled', async () => {
    const { batches, redis, keys, batchId } = await openRecords();
    await batches.settle(summaryOf(batchId, 'sample'));
    await batches.seal(batchId);
    expect(await redis.ttl(keys.batch(batchId))).toBeCloseTo(RETENTION_SECONDS, -1);
    expect((await batches.status(batchId))?.status).toBe('settled');
  });

  test('of the cancel of a task ends with its batch: a later batch of the id lacks it', async () => {
    const { batches, tasks, redis, keys } = await openRecords();
    const record = recordOf(newBatchId(), 1);
    const taskId = taskIdOf(record.batch_id, 0);
    await batches.create(record, '', 'f');
    await batches.cancel(taskId, 'an old wish');
    expect((await tasks.open(taskId, 'openai', 'w')).status).toBe('cancelled');
    await redis.unlink(keys.batch(record.batch_id)); // as when its day is over
    await batches.create(record, '', 'f');
    expect(await tasks.open(taskId, 'openai', 'w')).toMatchObject({ status: 'opened', epoch: 1 });
  });

  test('of closed rows begins with the end of the task, and ends with the batch [B151]', async () => {
    const { tasks, taskIds, redis, keys, batchId, countOpenRows } = await openRecords();
    const [taskId = ''] = taskIds;
    await tasks.open(taskId, 'openai', 'w');
    await tasks.hold(taskId, 1, [intentOf(1, '1.a'), intentOf(1, '1.b')]);
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.a')] });
    expect(await redis.ttl(keys.released(taskId))).toBe(-1);
    await redis.unlink(keys.batch(batchId), keys.released(taskId));
    await tasks.release(taskId, { owner: 'w', steps: [releasedOf(1, '1.b')] });
    expect(await redis.exists(keys.released(taskId))).toBe(0);
    expect(await countOpenRows()).toBe(0);
  });
});

describe('settling', () => {
  test('records one summary: the first', async () => {
    const { batches, batchId } = await openRecords();
    const first = summaryOf(batchId, 'first');
    expect(await batches.settle(first)).toEqual(first);
    expect(await batches.settle(summaryOf(batchId, 'second'))).toEqual(first);
    expect(await batches.status(batchId)).toMatchObject({ status: 'settled', summary: first });
  });
});

describe('admission', () => {
  test('is decided once', async () => {
    const { batches, batchId } = await openRecords();
    const failure = {
      version: 1,
      code: 'CREDENTIAL_MISSING',
      origin: 'credential',
      message: 'm',
      remedy: 'r',
      causes: [],
    } as const;
    const unusable = {
      version: 1 as const,
      unusable: [{ provider: 'p', model: 'm', first_index: 1, failure: { ...failure, causes: [] } }],
    };
    expect(await batches.admit(batchId, unusable)).toEqual(unusable);
    expect(await batches.admit(batchId, { version: 1, unusable: [] })).toEqual(unusable);
    expect((await batches.read(batchId))?.verdict).toEqual(unusable);
  });
});

describe('cancelling', () => {
  test('keeps the first reason, of a batch and of a task', async () => {
    const { batches, batchId, taskIds } = await openRecords();
    for (const id of [batchId, taskIds[0] ?? '']) {
      const first = await batches.cancel(id, 'first');
      expect(first).toMatchObject({ status: 'cancelled', flag: { reason: 'first' } });
      expect(await batches.cancel(id, 'second')).toEqual(first);
    }
    expect((await batches.status(batchId))?.cancel?.reason).toBe('first');
  });

  test('reports that there is nothing left to cancel', async () => {
    const { batches, tasks, batchId, taskIds } = await openRecords();
    const [taskId = ''] = taskIds;
    await tasks.close(0, outcomeOf(taskId, 'done'));
    expect(await batches.cancel(taskId, 'late')).toMatchObject({
      status: 'ended',
      outcome: { answer: { text: 'done' } },
    });
    await batches.settle(summaryOf(batchId, 'sample'));
    expect(await batches.cancel(batchId, 'late')).toEqual({ status: 'settled' });
  });

  test('finds no unknown batch and no index past the last task, and writes nothing', async () => {
    const { batches, batchId, redis, keys } = await openRecords({ total: 2 });
    for (const id of [newBatchId(), taskIdOf(newBatchId(), 0), taskIdOf(batchId, 2)])
      expect(await batches.cancel(id, 'why')).toEqual({ status: 'missing' });
    expect(await redis.exists(keys.task(taskIdOf(batchId, 2)))).toBe(0);
  });
});

test('a cancel wakes the parked and the resting tasks, of the batch or the one task', async () => {
  const { tasks, batches, batchId, taskIds } = await openRecords({ maxConcurrent: 1 });
  const [rests = '', parked = ''] = taskIds;
  await tasks.open(rests, 'openai', 'w');
  await tasks.open(parked, 'anthropic', 'w');
  await tasks.endAttempt(rests, attemptOf(1, 'deferred'), 'openai');
  const wakes = [
    { taskId: parked, provider: 'anthropic' },
    { taskId: rests, provider: 'openai' },
  ];
  expect(await batches.sleepers(batchId)).toEqual(wakes);
  expect(await batches.sleepers(parked)).toEqual(wakes.slice(0, 1));
  expect(await batches.sleepers(rests)).toEqual(wakes.slice(1));
});

describe('events', () => {
  test('tell what happens, in order; unknown ones are ignored [B126] [B127] [B128]', async () => {
    const { tasks, batches, batchId, taskIds, redis, keys, prefix } = await openRecords();
    const [taskId = ''] = taskIds;
    const events: ErrandEvent[] = [];
    const settled = Promise.withResolvers<void>();
    const channels = new Channels(openRedis(), prefix);
    const stop = await channels.onEvent(batchId, (event) => {
      events.push(event);
      if (event.event === 'batch_settled') settled.resolve();
    });
    await tasks.open(taskId, 'openai', 'w "quoted"');
    await redis.publish(keys.events(batchId), 'no json');
    await redis.publish(keys.events(batchId), '{"event":"of_a_newer_version"}');
    await tasks.checkpoint(taskId, 1, checkpointOf(1));
    await tasks.endAttempt(taskId, attemptOf(1, 'deferred'));
    await tasks.close(1, outcomeOf(taskId, 'done'));
    await batches.settle(summaryOf(batchId, 'sample'));
    await settled.promise;
    expect(events).toMatchObject([
      { event: 'attempt_started', epoch: 1, worker: 'w "quoted"', task_id: taskId, index: 0 },
      { event: 'turn_recorded', turn: 1 },
      { event: 'attempt_ended', ended: 'deferred' },
      { event: 'task_ended', status: 'succeeded' },
      { event: 'batch_settled', batch_id: batchId },
    ]);
    await stop();
    expect(await redis.pubsub('NUMSUB', keys.events(batchId))).toEqual([keys.events(batchId), 0]);
  });

  test('reach every listener of a batch, and those that are left when one stops', async () => {
    const { batches, batchId, taskIds, prefix } = await openRecords();
    const channels = new Channels(openRedis(), prefix);
    const heard: string[] = [];
    const [first] = await Promise.all([
      channels.onCancel((id) => heard.push(`first ${id}`)),
      channels.onCancel((id) => heard.push(`second ${id}`)),
    ]);
    const last = Promise.withResolvers<void>();
    await channels.onCancel((id) => id === batchId && last.resolve());
    await batches.cancel(taskIds[0] ?? '', 'why');
    await first();
    await batches.cancel(batchId, 'why');
    await last.promise;
    expect(heard.filter((line) => line.startsWith('second'))).toEqual([`second ${taskIds[0]}`, `second ${batchId}`]);
    expect(heard).not.toContain(`first ${batchId}`);
  });

  test('can be listened to again after listening failed', async () => {
    const { batches, batchId, prefix } = await openRecords();
    const redis = openRedis();
    const channels = new Channels(redis, prefix);
    redis.disconnect();
    const heard: string[] = [];
    await expect(channels.onCancel((id) => heard.push(`in vain ${id}`))).rejects.toThrow();
    await redis.connect();
    const told = Promise.withResolvers<string>();
    await channels.onCancel(told.resolve);
    await batches.cancel(batchId, 'why');
    expect(await told.promise).toBe(batchId);
    expect(heard).toEqual([]);
  });
});

test('a record with more tasks than any batch may have is unreadable', async () => {
  const { batches, redis, keys, batchId, record } = await openRecords();
  await redis.hset(keys.batch(batchId), 'data', JSON.stringify({ ...record, total: 9e15 }));
  await expect(batches.read(batchId)).rejects.toMatchObject({ code: 'RECORD_UNREADABLE' });
  await expect(batches.status(batchId)).rejects.toMatchObject({ code: 'RECORD_UNREADABLE' });
});

test('a page of large outcomes holds fewer of them, and no task is left out', async () => {
  const total = 12;
  const { batches, tasks, batchId, taskIds } = await openRecords({ total });
  for (const taskId of taskIds) {
    await tasks.open(taskId, 'openai', 'w');
    await tasks.close(1, outcomeOf(taskId, 'x'.repeat(3 * 1024 * 1024)));
  }
  const indexes: number[] = [];
  const pages: number[] = [];
  for (let from = 0; from < total; from = indexes.length) {
    const page = await batches.outcomes(batchId, from, total);
    pages.push(page.length);
    indexes.push(...page.map((outcome) => outcome?.index ?? -1));
  }
  expect(pages).toEqual([5, 5, 2]);
  expect(indexes).toEqual(Array.from({ length: total }, (_, index) => index));
});
