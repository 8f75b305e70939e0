import { expect, test } from 'vitest';
import { Redactor } from '../../../src/base/secret.ts';
import { failureOf } from '../../../src/contract/failure.ts';
import type { Attempt, AttemptEnd } from '../../../src/contract/outcome.ts';
import { ErrandError } from '../../../src/errors.ts';
import { crashLoopIn } from '../../../src/worker/ending/crash-loop.ts';

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

test('three attempts that were lost without a turn are a crash loop, and each is named', () => {
  const error = crashLoopIn(attempts(['lost', 2], ['lost', 2], ['lost', 2]), 2);
  expect(error).toMatchObject({ code: 'CRASH_LOOP', message: expect.stringMatching(/w1 at .*w2 at .*w3 at /) });
});

function lockLost(attempt: Attempt): Attempt {
  const error = new ErrandError('ATTEMPT_LOCK_LOST', 'the worker lost its lock on the task');
  return { ...attempt, failure: failureOf(error, new Redactor()) };
}

test.each<AttemptEnd>(['deferred', 'handed_back'])(
  'what kills its workers is found out though an attempt that was %s stands between',
  (ended) => {
    const past = attempts(['lost', 1], [ended, 1], ['lost', 1], [ended, 1], ['lost', 1]);
    expect(crashLoopIn(past, 1)).toMatchObject({ message: expect.stringMatching(/w1 at .*w3 at .*w5 at /) });
  },
);

test.each<[string, Attempt[], number]>([
  ['two were lost', attempts(['lost', 0], ['lost', 0]), 0],
  ['each of them came a turn further', attempts(['lost', 0], ['lost', 1], ['lost', 2]), 3],
  ['the last of them came a turn further', attempts(['lost', 0], ['lost', 0], ['lost', 0]), 1],
  [
    'one of them said that it lost its lock',
    attempts(['lost', 0], ['lost', 0], ['lost', 0]).map((attempt, at) => (at === 1 ? lockLost(attempt) : attempt)),
    0,
  ],
])('there is no crash loop where %s', (_, past, turns) => {
  expect(crashLoopIn(past, turns)).toBeNull();
});
