import { once } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { Channels } from '../../src/records/channels.ts';
import { ActiveAttempts } from '../../src/worker/active-attempts.ts';
import { openRedis } from '../helpers/redis.ts';
import { openRecords } from '../records/samples.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('a cancel whose nudge was lost is found at the next look', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { tasks, taskIds, given, batchId, prefix } = await openRecords();
  const [taskId = ''] = taskIds;
  const active = new ActiveAttempts(tasks);
  await active.watch(new Channels(openRedis(), prefix), (error) => expect.fail(String(error)));
  const attempt = new AbortController();
  active.add(taskId, attempt);
  await given.cancelled(batchId, { reason: 'wrong month', requested_at: '2026-11-22T10:00:00.000Z' });
  const aborted = once(attempt.signal, 'abort');
  vi.advanceTimersByTime(5_000);
  await aborted;
  expect(attempt.signal.reason).toMatchObject({ code: 'ATTEMPT_CANCELLED', message: 'cancelled: wrong month' });
  await active.close();
});

test('a nudge for one task reaches that task without a lookup, and no other task', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { tasks, taskIds, batches, prefix } = await openRecords();
  const [named = '', other = ''] = taskIds;
  const active = new ActiveAttempts(tasks);
  await active.watch(new Channels(openRedis(), prefix), (error) => expect.fail(String(error)));
  const [attempt, sibling] = [new AbortController(), new AbortController()];
  active.add(named, attempt);
  active.add(other, sibling);
  const aborted = once(attempt.signal, 'abort');
  await batches.cancel(named, 'enough');
  await aborted;
  expect(attempt.signal.reason).toMatchObject({ code: 'ATTEMPT_CANCELLED', message: 'cancelled: enough' });
  expect(sibling.signal.aborted).toBe(false);
  await active.close();
});
