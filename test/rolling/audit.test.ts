import { expect, test } from 'vitest';
import type { Attempt, Outcome } from '../../src/contract/outcome.ts';
import { FAILURES } from '../../src/errors.ts';
import { outcomeOf } from '../records/samples.ts';
import { isKilledThrice } from './audit.ts';

const KILLED = new Set(['earlier-1', 'present-2', 'earlier-3']);

function failedWith(code: 'CRASH_LOOP' | 'PROVIDER_FAILED', workers: string[]): Outcome {
  const { answer: _, ...common } = { answer: null, ...outcomeOf('b000000000000000000000-0', '') };
  const attempts = workers.map(
    (worker, at): Attempt => ({
      epoch: at + 1,
      worker,
      turns_before: 0,
      started_at: common.ended_at,
      ended: 'lost',
    }),
  );
  const { origin, means: message, remedy } = FAILURES[code];
  return { ...common, status: 'failed', attempts, failure: { version: 1, code, origin, message, remedy, causes: [] } };
}

test('three kills of the check explain a crash loop', () => {
  expect(isKilledThrice(failedWith('CRASH_LOOP', [...KILLED]), KILLED)).toBe(true);
});

test.each([
  ['another code', failedWith('PROVIDER_FAILED', [...KILLED])],
  ['a crash of a worker that was not killed', failedWith('CRASH_LOOP', ['earlier-1', 'present-2', 'present-4'])],
  ['two kills', failedWith('CRASH_LOOP', ['earlier-1', 'present-2'])],
])('%s is a fault', (_, outcome) => {
  expect(isKilledThrice(outcome, KILLED)).toBe(false);
});
