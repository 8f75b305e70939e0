import { expect, test } from 'vitest';
import type { Attempt, AttemptEnd } from '../../src/contract/outcome.ts';
import { crashLoopIn } from '../../src/worker/crash-budget.ts';

/** Attempts that ended so, each with so many turns on record as it started. */
function attempts(...ends: [ended: AttemptEnd, turnsBefore: number][]): Attempt[] {
  const startedAt = '2026-01-01T00:00:00.000Z';
  return ends.map(([ended, turnsBefore], at) => ({
    epoch: at + 1,
    worker: `w${at + 1}`,
    turns_before: turnsBefore,
    started_at: startedAt,
    ended,
  }));
}

test('three workers in a row that were lost without a turn are a crash loop, and each is named', () => {
  const error = crashLoopIn(attempts(['lost', 2], ['lost', 2], ['lost', 2]), 2);
  expect(error).toMatchObject({ code: 'CRASH_LOOP', message: expect.stringMatching(/w1 at .*w2 at .*w3 at /) });
});

test.each<[string, Attempt[], number]>([
  ['two were lost', attempts(['lost', 0], ['lost', 0]), 0],
  ['each of them came a turn further', attempts(['lost', 0], ['lost', 1], ['lost', 2]), 3],
  ['the last of them came a turn further', attempts(['lost', 0], ['lost', 0], ['lost', 0]), 1],
  ['one in between ended in order', attempts(['lost', 0], ['lost', 0], ['handed_back', 0], ['lost', 0]), 0],
])('there is no crash loop where %s', (_, past, turns) => {
  expect(crashLoopIn(past, turns)).toBeNull();
});
