import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { sleep } from '../../src/base/clock.ts';
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

/** Lets this much time pass; every timer fires when it is due. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('a lock that is renewed in time outlives its duration', async () => {
  const { locks, lost } = keep(async () => []);
  const { signal } = locks.hold('a', 'token', 0);
  await pass(2.5 * DURATION_MS);
  expect(signal.aborted).toBe(false);
  expect(lost).toEqual([]);
});

test.each([
  ['never answers', () => new Promise<string[]>(() => undefined)],
  ['fails', async () => Promise.reject(new Error('no Redis'))],
])('a renewal that %s aborts the run before the lock lapses, and not much earlier', async (_title, extend) => {
  const { locks, lost } = keep(extend);
  const { signal } = locks.hold('a', 'token', 0);
  await pass(0.85 * DURATION_MS);
  expect(signal.aborted).toBe(false);
  await pass(0.14 * DURATION_MS);
  expect(signal.reason).toBe('lock_lost');
  expect(lost).toEqual(['a']);
});

test('a renewal counts from when it was asked for, however late the answer comes', async () => {
  let asked = 0;
  const { locks } = keep(async () => {
    if (++asked > 1) return new Promise<string[]>(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 0.5 * DURATION_MS));
    return [];
  });
  const { signal } = locks.hold('a', 'token', 0);
  // Asked for after a quarter of the duration and lapsed one duration later; counted from the answer, half of one more.
  await pass(1.1 * DURATION_MS);
  expect(signal.aborted).toBe(false);
  await pass(0.1 * DURATION_MS);
  expect(signal.aborted).toBe(true);
  expect(asked).toBe(2);
});

test('a lock that Redis says is gone aborts its run alone', async () => {
  const { locks, lost } = keep(async () => ['b']);
  const kept = locks.hold('a', 'token 1', 0);
  const gone = locks.hold('b', 'token 2', 0);
  await pass(0.3 * DURATION_MS);
  expect(gone.signal.reason).toBe('lock_lost');
  expect(kept.signal.aborted).toBe(false);
  expect(lost).toEqual(['b']);
});

test('a lock that was old when it was got lapses earlier', async () => {
  const { locks } = keep(() => new Promise(() => undefined));
  const { signal } = locks.hold('a', 'token', 0.5 * DURATION_MS);
  await pass(0.5 * DURATION_MS);
  expect(signal.aborted).toBe(true);
});

test('a lock that could have lapsed before it was got is lost before its run starts', () => {
  const { locks, lost } = keep(async () => []);
  expect(locks.hold('a', 'token', 0.95 * DURATION_MS).signal.reason).toBe('lock_lost');
  expect(lost).toEqual(['a']);
});

test('a second run of a job aborts the first and keeps its lock when the first ends', async () => {
  const renewed: string[] = [];
  const { locks } = keep(async (_jobIds, tokens) => {
    renewed.push(...tokens);
    return [];
  });
  const first = locks.hold('a', 'first', 0);
  const second = locks.hold('a', 'second', 0);
  expect(first.signal.reason).toBe('lock_lost');
  locks.release(first);
  await pass(DURATION_MS);
  expect(new Set(renewed)).toEqual(new Set(['second']));
  expect(second.signal.aborted).toBe(false);
});

describe.each([0.95, 1.2])('a process that stood still for %s of its locks', (locks) => {
  /** Stops time and timers, as in a starved or stopped process. */
  const standStill = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, locks * DURATION_MS);

  beforeEach(() => {
    vi.useRealTimers();
  });

  test('keeps the runs whose jobs are not taken, and aborts the others', async () => {
    const { locks, lost } = keep(async () => ['b']);
    const kept = locks.hold('a', 'token 1', 0);
    const taken = locks.hold('b', 'token 2', 0);
    standStill();
    expect(await abortOf(taken.signal)).toBe('lock_lost');
    await sleep(DURATION_MS / 4); // no run may be aborted in this time
    expect(kept.signal.aborted).toBe(false);
    expect(lost).toEqual(['b']);
  });

  test('aborts all runs if Redis does not answer', async () => {
    const { locks } = keep(() => new Promise(() => undefined));
    const { signal } = locks.hold('a', 'token', 0);
    standStill();
    expect(await abortOf(signal)).toBe('lock_lost');
  });
});
