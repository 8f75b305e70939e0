import { expect, test } from 'vitest';
import { Redactor } from '../../../src/base/secret.ts';
import type { CancelFlag } from '../../../src/contract/batch.ts';
import { ErrandError } from '../../../src/errors.ts';
import { NO_HISTORY } from '../../../src/records/task-history.ts';
import { decideUnopened, type Judged } from '../../../src/worker/ending/unopened.ts';
import { outcomeOf } from '../../records/samples.ts';

const TASK = 'b0000000000000000000000-0';
const FLAG: CancelFlag = { reason: 'wrong month', requested_at: '2026-11-22T11:59:00.000Z' };
const outcome = outcomeOf(TASK, 'done');
const found = { needs: 9, waitedMs: 0, looks: 1, waiting: 0 };
const waiting = { next: 'wait', delayMs: 1_000, hasReader: false, what: 'reader version 9' } as const;
const tooNew = new ErrandError('VERSION_TOO_NEW', 'needs reader version 9');
const history = { ...NO_HISTORY, epoch: 1 };

test.each<[string, Judged, object]>([
  ['a held batch', { status: 'held', delayMs: 700 }, { next: 'park', delayMs: 700 }],
  ['a task that has ended', { status: 'ended', outcome }, { next: 'ended', outcome }],
  ['a task that waits for its place', { status: 'parked', waiting: 100 }, { next: 'park', delayMs: 10_000 }],
  [
    'the first look at a job of a newer version',
    { status: 'too_new', wait: waiting, found },
    { next: 'park', delayMs: 1_000, line: 'waits for a worker with reader version 9' },
  ],
  [
    'a later look at it',
    { status: 'too_new', wait: waiting, found: { ...found, looks: 2 } },
    { next: 'park', delayMs: 1_000 },
  ],
  [
    'a job of a newer version that waited too long',
    { status: 'too_new', wait: { next: 'fail', error: tooNew }, found },
    { next: 'end', end: { status: 'failed', failure: { code: 'VERSION_TOO_NEW' } } },
  ],
  [
    'a record that does not parse',
    { status: 'unreadable', epoch: 1, problem: 'no JSON' },
    { next: 'end', end: { status: 'failed', failure: { code: 'RECORD_UNREADABLE' } } },
  ],
  ['a batch without a record', { status: 'missing' }, { next: 'abandon', line: expect.stringMatching(/^NOT_FOUND: /) }],
  [
    'a cancelled task',
    { status: 'cancelled', flag: FLAG, ...history },
    { next: 'end', end: { status: 'cancelled', flag: FLAG, failure: { code: 'ATTEMPT_CANCELLED' } } },
  ],
  [
    'a job that does not parse',
    { status: 'invalid', problem: 'no goal', ...history },
    { next: 'end', end: { status: 'failed', failure: { code: 'TASK_INVALID' } } },
  ],
])('what follows from %s', (_, judged, decision) => {
  expect(decideUnopened(TASK, judged, new Redactor())).toMatchObject(decision);
});
