import { expect, onTestFinished, test } from 'vitest';
import { monotonicMs, sleep } from '../../src/base/clock.ts';
import { type LockKeeping, Locks } from '../../src/queue/locks.ts';

const DURATION_MS = 400;

function keep(extend: LockKeeping['extend']): { locks: Locks; lost: string[] } {
  const lost: string[] = [];
  const locks = new Locks({
    durationMs: DURATION_MS,
    extend,
    onLost: (jobIds) => lost.push(...jobIds),
    onError: () => undefined,
  });
  onTestFinished(() => locks.close());
  return { locks, lost };
}

function abortOf(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));
}

test('a lock that is renewed in time outlives its duration', async () => {
  const { locks, lost } = keep(async () => []);
  const { signal } = locks.hold('a', 'token', 0);
  await sleep(2.5 * DURATION_MS); // a time in which nothing may happen
  expect(signal.aborted).toBe(false);
  expect(lost).toEqual([]);
});

test.each([
  ['never answers', () => new Promise<string[]>(() => undefined)],
  ['fails', async () => Promise.reject(new Error('no Redis'))],
])('a renewal that %s aborts the run before the lock lapses, and not much earlier', async (_title, extend) => {
  const { locks, lost } = keep(extend);
  const from = monotonicMs();
  expect(await abortOf(locks.hold('a', 'token', 0).signal)).toBe('lock_lost');
  expect(monotonicMs() - from).toBeGreaterThan(0.85 * DURATION_MS);
  expect(monotonicMs() - from).toBeLessThan(DURATION_MS);
  expect(lost).toEqual(['a']);
});

test('a renewal counts from when it was asked for, however late the answer comes', async () => {
  let asked = 0;
  const { locks } = keep(async () => {
    if (++asked > 1) return new Promise<string[]>(() => undefined);
    await sleep(0.5 * DURATION_MS);
    return [];
  });
  const from = monotonicMs();
  await abortOf(locks.hold('a', 'token', 0).signal);
  // Asked for after a quarter of the duration and lapsed one duration later; counted from the answer, half of one more.
  expect(monotonicMs() - from).toBeLessThan(1.4 * DURATION_MS);
  expect(asked).toBe(2);
});

test('a lock that Redis says is gone aborts its run alone', async () => {
  const { locks, lost } = keep(async () => ['b']);
  const kept = locks.hold('a', 'token 1', 0);
  expect(await abortOf(locks.hold('b', 'token 2', 0).signal)).toBe('lock_lost');
  expect(kept.signal.aborted).toBe(false);
  expect(lost).toEqual(['b']);
});

test('a lock that was old when it was got lapses earlier', async () => {
  const { locks } = keep(() => new Promise(() => undefined));
  const from = monotonicMs();
  await abortOf(locks.hold('a', 'token', 0.5 * DURATION_MS).signal);
  expect(monotonicMs() - from).toBeLessThan(0.6 * DURATION_MS);
});

test('a second run of a job aborts the first, and keeps its own lock when the first one ends', async () => {
  const renewed: string[] = [];
  const { locks } = keep(async (_jobIds, tokens) => {
    renewed.push(...tokens);
    return [];
  });
  const first = locks.hold('a', 'first', 0);
  const second = locks.hold('a', 'second', 0);
  expect(first.signal.reason).toBe('lock_lost');
  locks.release(first);
  await expect.poll(() => renewed.length).toBeGreaterThan(1);
  expect(new Set(renewed)).toEqual(new Set(['second']));
  expect(second.signal.aborted).toBe(false);
});
