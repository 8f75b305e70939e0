import { describe, expect, test } from 'vitest';
import type { Attempt } from '../../../src/contract/outcome.ts';
import { deferralMs, joinDeferrals } from '../../../src/worker/ending/deferral.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-22T12:00:00Z');

/** An attempt that was deferred so long ago, with so many turns on record. */
function deferred(agoMs: number, turns = 0): Attempt {
  const at = new Date(NOW - agoMs).toISOString();
  return { epoch: 1, worker: 'w', turns_before: turns, started_at: at, ended_at: at, ended: 'deferred' };
}

function waitOf(past: Attempt[], askedMs?: number, turns = 0): number | null {
  return deferralMs({ past, turns, askedMs, now: NOW, draw: Math.random() });
}

test('a task waits at least its own back-off, which doubles up to five minutes', () => {
  for (const askedMs of [undefined, 0, 1]) {
    const waits = Array.from({ length: 12 }, (_, before) =>
      waitOf(
        Array.from({ length: before }, () => deferred(1)),
        askedMs,
      ),
    );
    for (const [before, wait] of waits.entries()) {
      const ownMs = Math.min(1_000 * 2 ** before, 300_000);
      expect(wait).toBeGreaterThanOrEqual(ownMs);
      expect(wait).toBeLessThanOrEqual(ownMs * 1.25 + 1);
    }
  }
});

test('a task waits as long as the provider asks, but an hour at the most [B87]', () => {
  expect(waitOf([], 90_000)).toBeGreaterThanOrEqual(90_000);
  expect(waitOf([], 90_000)).toBeLessThanOrEqual(112_501);
  expect(waitOf([], 100 * HOUR)).toBeGreaterThanOrEqual(HOUR);
  expect(waitOf([], 100 * HOUR)).toBeLessThanOrEqual(1.25 * HOUR + 1);
});

test('tasks that were turned away together come back apart', () => {
  const waits = Array.from({ length: 1_000 }, () => waitOf([], 4_000) ?? 0);
  expect(new Set(waits).size).toBeGreaterThan(500);
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(900);
});

test('a task fails after a day of deferrals without a turn, however many there were', () => {
  const often = Array.from({ length: 500 }, () => deferred(23 * HOUR));
  expect(waitOf(often)).not.toBeNull();
  expect(waitOf([deferred(25 * HOUR)])).toBeNull();
});

test('a recorded turn starts the day and the back-off anew', () => {
  const past = [deferred(30 * HOUR, 1), deferred(29 * HOUR, 1), deferred(HOUR, 2)];
  expect(waitOf(past, 0, 2)).toBeLessThanOrEqual(2_501);
  expect(waitOf(past, 0, 3)).toBeLessThanOrEqual(1_251);
  expect(waitOf(past, 0, 1)).toBeNull();
});

describe('deferrals in a row', () => {
  const [first, second, third] = [3, 2, 1].map((agoH) => deferred(agoH * HOUR)) as [Attempt, Attempt, Attempt];

  test('are one record with the count and the start, and count as many for the wait', () => {
    const two = joinDeferrals(second, first, 0);
    const three = joinDeferrals(third, two, 0);
    expect(three).toEqual({ ...third, times: 3, first_started_at: first.started_at });
    expect(waitOf([three])).toBeGreaterThanOrEqual(8_000);
    expect(waitOf([{ ...three, first_started_at: deferred(25 * HOUR).started_at }])).toBeNull();
  });

  test.each<[string, Attempt, Attempt | undefined, number]>([
    ['it is the first', second, undefined, 0],
    ['the one before it ended otherwise', second, { ...first, ended: 'handed_back' }, 0],
    ['it ended otherwise itself', { ...second, ended: 'failed' }, first, 0],
    ['it recorded a turn', second, first, 1],
    ['a turn was recorded before it', { ...second, turns_before: 1 }, first, 1],
    ['a call of the one before it was cut off', second, { ...first, unfinished_calls: 1 }, 0],
    ['it took a call over', { ...second, call_taken_over_from: 1 }, first, 0],
    ['the one before it left something open', second, { ...first, cleanup: { version: 1, steps: [], open: 1 } }, 0],
  ])('stay apart where %s', (_, attempt, before, turns) => {
    expect(joinDeferrals(attempt, before, turns)).toBe(attempt);
  });
});

test('10,000 tasks against 60 requests a minute all finish, with few returns each', () => {
  const perSecond = new Map<number, Attempt[][]>([[0, Array.from({ length: 10_000 }, () => [])]]);
  let through = 0;
  let most = 0;
  let second = 0;
  for (; through < 10_000 && second < 24 * 3_600; second++) {
    const now = NOW + second * 1_000;
    for (const [position, past] of (perSecond.get(second) ?? []).entries()) {
      most = Math.max(most, past.length);
      const wait = position === 0 ? null : deferralMs({ past, turns: 0, askedMs: 1_000, now, draw: Math.random() });
      if (wait === null) {
        through += position === 0 ? 1 : 0;
        continue;
      }
      past.push(deferred(NOW - now));
      const due = second + Math.ceil(wait / 1_000);
      const dueThen = perSecond.get(due) ?? [];
      dueThen.push(past);
      perSecond.set(due, dueThen);
    }
    perSecond.delete(second);
  }
  expect(through).toBe(10_000);
  expect(most).toBeLessThan(100);
  expect(second).toBeLessThan(8 * 3_600);
});
