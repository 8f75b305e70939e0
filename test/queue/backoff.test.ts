import { expect, test } from 'vitest';
import { BACKOFF, backoffMs } from '../../src/queue/backoff.ts';

const JOB = { opts: { backoff: { type: BACKOFF, delay: 1_000 } } };

test.each([
  [1, 1_000],
  [2, 2_000],
  [5, 16_000],
  [12, 2_048_000],
  [13, 3_600_000],
  [99, 3_600_000],
])('after try %i a task waits %i ms at the most, and half of that at the least', (triesMade, mostMs) => {
  const waits = Array.from({ length: 200 }, () => backoffMs(triesMade, JOB));
  expect(Math.max(...waits)).toBeLessThanOrEqual(mostMs);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(mostMs / 2 - 1);
  expect(new Set(waits).size).toBeGreaterThan(50);
});
