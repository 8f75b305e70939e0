import type { QueueJobJson } from '@bull-board/api/typings/app';
import { describe, expect, test } from 'vitest';
import { titleOf } from '../../dashboards/title.ts';

const JOB: QueueJobJson = {
  name: 'refund letters',
  progress: 0,
  attemptsMade: 1,
  timestamp: 1,
  finishedOn: 2,
  failedReason: '',
  stacktrace: [],
  data: {},
  returnvalue: null,
  opts: {},
};

function counts(over: Partial<Record<'succeeded' | 'failed' | 'rejected' | 'cancelled', number>>) {
  return { succeeded: 0, failed: 0, rejected: 0, cancelled: 0, ...over };
}

describe('the title of a batch', () => {
  test('has its counts and its cost once it has settled', () => {
    const returnvalue = { cost: '$0.0312', counts: counts({ succeeded: 22, failed: 8 }) };
    expect(titleOf({ ...JOB, returnvalue })).toBe('refund letters · 22 ok, 8 failed · $0.0312');
  });

  test('names each way in which tasks ended, and no other', () => {
    const returnvalue = { cost: '$0', counts: counts({ rejected: 2, cancelled: 1 }) };
    expect(titleOf({ ...JOB, returnvalue })).toBe('refund letters · 2 rejected, 1 cancelled · $0');
  });

  test('is its name alone before it has settled', () => {
    expect(titleOf({ ...JOB, finishedOn: null })).toBe('refund letters');
  });

  test.each([
    ['that this version cannot read', {}],
    ['with counts of another type', { counts: { succeeded: 'many' }, cost: 3 }],
    ['that is a text', 'settled'],
  ])('is its name alone with a summary %s', (_title, returnvalue) => {
    expect(titleOf({ ...JOB, returnvalue })).toBe('refund letters');
  });

  test('has no cost if the summary has none', () => {
    expect(titleOf({ ...JOB, returnvalue: { counts: counts({ succeeded: 1 }) } })).toBe('refund letters · 1 ok');
  });

  test('is one line without control characters', () => {
    const returnvalue = { cost: '$0\n\u001b[31m', counts: counts({ succeeded: 1 }) };
    expect(titleOf({ ...JOB, name: 'a\nb', returnvalue })).toBe('a b · 1 ok · $0 [31m');
  });
});

describe('the title of a task', () => {
  const failedReason = 'PROVIDER_FAILED: it broke | key: env:ACME_API_KEY | cleaned up: 1 released (client)';

  test('has the failure of a failed task', () => {
    expect(titleOf({ ...JOB, failedReason })).toBe(`refund letters — ${failedReason}`);
  });

  test('says that a task waits after a failed attempt', () => {
    const job = { ...JOB, finishedOn: null, failedReason: 'PROVIDER_FAILED: it broke' };
    expect(titleOf(job)).toBe('refund letters — last attempt: PROVIDER_FAILED: it broke');
  });

  test('has no failure after a later attempt succeeded', () => {
    const returnvalue = { status: 'succeeded', cost: '$0.01' };
    expect(titleOf({ ...JOB, failedReason: 'PROVIDER_FAILED: it broke', returnvalue })).toBe('refund letters');
  });
});
