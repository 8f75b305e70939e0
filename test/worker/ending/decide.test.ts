import { describe, expect, test } from 'vitest';
import { Redactor } from '../../../src/base/secret.ts';
import type { CancelFlag } from '../../../src/contract/batch.ts';
import type { Attempt } from '../../../src/contract/outcome.ts';
import { ErrandError, FAILURE_CODES, type FailureCode, isFailureCode } from '../../../src/errors.ts';
import { NO_HISTORY } from '../../../src/records/task-history.ts';
import { AttemptCancelled, errorOf } from '../../../src/worker/classify.ts';
import { type Decision, decide, type Question } from '../../../src/worker/ending/decide.ts';
import { workBefore } from '../../../src/worker/result.ts';
import { checkpointOf } from '../../records/samples.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const FLAG: CancelFlag = { reason: 'wrong month', requested_at: '2026-11-22T11:59:00.000Z' };

/**
 * What follows, by the code of the error that ended an attempt. The columns say what else happened: the provider asked for a
 * wait, the batch was not admitted, or the attempt was aborted before, in this order. `a/b`: `a` before the last try, `b` at
 * the last try.
 */
const TABLE = `
code                           | thrown         | with a wait | not admitted   | cancelled | drained   | cancelled, drained | drained, cancelled | lock lost
BATCH_INVALID                  | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
IDEMPOTENCY_CONFLICT           | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
NOT_FOUND                      | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
WORKER_ALIVE                   | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CONFIG_INVALID                 | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
USAGE_INVALID                  | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
FILE_NOT_FOUND                 | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
ADDRESS_IN_USE                 | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
TASK_INVALID                   | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
VERSION_TOO_NEW                | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
ROUTE_UNSUPPORTED              | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
LANE_UNSERVED                  | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
TOOLSET_UNSERVED               | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
BATCH_REJECTED                 | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CREDENTIAL_MISSING             | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CREDENTIAL_REJECTED            | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CREDENTIAL_REPLACED            | requeue        | requeue     | requeue        | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_QUOTA_EXHAUSTED       | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_RATE_LIMITED          | defer          | defer       | defer          | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_OVERLOADED            | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_FAILED                | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_UNREACHABLE           | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_ADDRESS_REFUSED       | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_TIMED_OUT             | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_FIRST_TOKEN_TIMED_OUT | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_STREAM_STALLED        | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_TURN_TIMED_OUT        | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_STREAM_CUT            | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_MALFORMED             | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_REPLY_TOO_LARGE       | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
PROVIDER_REFUSED_REQUEST       | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CONTEXT_TOO_LONG               | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CHILD_REFUSED                  | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CHILD_EMPTY_ANSWER             | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CHILD_TOOL_TIMED_OUT           | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
WORKSPACE_UNAVAILABLE          | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
TOOLSET_UNAVAILABLE            | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
CHILD_NO_PROGRESS              | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
BUDGET_TURNS                   | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
BUDGET_TOKENS                  | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
BUDGET_TOOL_CALLS              | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
BUDGET_SECONDS                 | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
ATTEMPT_CANCELLED              | cancelled      | cancelled   | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
ATTEMPT_DRAINED                | requeue        | requeue     | requeue        | cancelled | requeue   | cancelled          | requeue            | surrender
ATTEMPT_LOCK_LOST              | surrender      | surrender   | surrender      | cancelled | requeue   | cancelled          | requeue            | surrender
ATTEMPT_SUPERSEDED             | surrender      | surrender   | surrender      | surrender | surrender | surrender          | surrender          | surrender
ATTEMPT_STALLED_OUT            | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
TASK_REMOVED                   | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
CRASH_LOOP                     | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
ENQUEUE_INCOMPLETE             | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
BATCH_LOST                     | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
RECORD_UNREADABLE              | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
REDIS_UNAVAILABLE              | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
REDIS_DENIED                   | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
REDIS_FULL                     | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
REDIS_UNSUITABLE               | failed         | failed      | rejected       | cancelled | requeue   | cancelled          | requeue            | surrender
INTERNAL                       | retry/failed   | defer       | retry/rejected | cancelled | requeue   | cancelled          | requeue            | surrender
`;

type Case = { code: FailureCode; column: string; isLastTry: boolean; expected: string };

/** One case for each cell and for each try. */
function casesOf(table: string): Case[] {
  const [head = '', ...rows] = table.trim().split('\n');
  const [, ...columns] = cellsOf(head);
  return rows.flatMap((row) => {
    const [code = '', ...cells] = cellsOf(row);
    if (!isFailureCode(code)) throw new Error(`no such code: ${code}`);
    return columns.flatMap((column, at) => {
      const [before = '', last = before] = (cells[at] ?? '').split('/');
      return [
        { code, column, isLastTry: false, expected: before },
        { code, column, isLastTry: true, expected: last },
      ];
    });
  });
}

function cellsOf(row: string): string[] {
  return row.split('|').map((cell) => cell.trim());
}

function thrownOf(code: FailureCode, retryAfterMs?: number): ErrandError {
  if (code === 'ATTEMPT_CANCELLED') return new AttemptCancelled(FLAG);
  return new ErrandError(code, 'it broke', retryAfterMs === undefined ? {} : { retryAfterMs });
}

const ABORTS: Record<string, ErrandError> = {
  cancelled: new AttemptCancelled(FLAG),
  drained: new ErrandError('ATTEMPT_DRAINED', 'the worker is going away'),
  'lock lost': new ErrandError('ATTEMPT_LOCK_LOST', 'the worker lost its lock on the task'),
};

/** A signal that was aborted for these reasons, in this order. */
function abortedBy(column: string): AbortSignal {
  const controller = new AbortController();
  for (const name of column.split(', ')) if (ABORTS[name]) controller.abort(ABORTS[name]);
  return controller.signal;
}

/** Decides about an attempt that was stopped by an error. */
function decideOn(error: ErrandError, given: Partial<Question> & { isRejected?: boolean } = {}): Decision {
  const { isRejected = false, ...question } = given;
  const result = { status: 'stopped', error, isRejected, work: workBefore(NO_HISTORY) } as const;
  return decide({ result, isLastTry: false, past: [], redactor: new Redactor(), now: NOW, draw: 0, ...question });
}

function nameOf(decision: Decision): string {
  return decision.next === 'end' ? decision.end.status : decision.next;
}

test('the table has a row for each code, and no cell is empty', () => {
  const cases = casesOf(TABLE);
  expect(cases.map(({ code }) => code).filter((code, at, all) => all.indexOf(code) === at)).toEqual(FAILURE_CODES);
  expect(cases.filter(({ expected }) => expected === '')).toEqual([]);
});

describe.each(FAILURE_CODES)('after %s', (code) => {
  const cases = casesOf(TABLE).filter((one) => one.code === code);
  test.each(cases)('$column, last try $isLastTry: $expected', ({ column, isLastTry, expected }) => {
    const thrown = thrownOf(code, column === 'with a wait' ? 60_000 : undefined);
    const error = errorOf(thrown, abortedBy(column));
    const decision = decideOn(error, { isLastTry, isRejected: column === 'not admitted' });
    expect(nameOf(decision)).toBe(expected);
  });
});

test.each([false, true])('after a child that succeeded, last try %s: succeeded', (isLastTry) => {
  const result = { status: 'succeeded', work: workBefore(NO_HISTORY) } as const;
  const decision = decide({ result, isLastTry, past: [], redactor: new Redactor(), now: NOW, draw: 0 });
  expect(decision).toEqual({ next: 'end', end: { status: 'succeeded' } });
});

test('a cancelled task ends with the reason and the time of its flag', () => {
  expect(decideOn(new AttemptCancelled(FLAG))).toMatchObject({
    end: { status: 'cancelled', flag: FLAG, failure: { code: 'ATTEMPT_CANCELLED', message: 'cancelled: wrong month' } },
  });
});

/** An attempt that was deferred so long ago. */
function deferred(agoMs: number): Attempt {
  const at = new Date(NOW - agoMs).toISOString();
  return { epoch: 1, worker: 'w', turns_before: 0, started_at: at, ended_at: at, ended: 'deferred' };
}

const HOUR = 3_600_000;

describe('a deferral', () => {
  test.each<[string, number | undefined, Attempt[], number, number]>([
    ['waits a second at first', undefined, [], 0, 1_000],
    ['waits as long as the provider asks', 60_000, [], 0, 60_000],
    ['is spread over a quarter of its wait', 60_000, [], 1, 75_000],
    ['waits twice as long after a deferral', undefined, [deferred(HOUR)], 0, 2_000],
  ])('%s', (_, retryAfterMs, past, draw, delayMs) => {
    const error = thrownOf('PROVIDER_RATE_LIMITED', retryAfterMs);
    expect(decideOn(error, { past, draw })).toMatchObject({ next: 'defer', delayMs });
  });

  test.each([false, true])('ends the task after a day without a turn, last try %s', (isLastTry) => {
    const past = [deferred(25 * HOUR)];
    const rateLimited = thrownOf('PROVIDER_RATE_LIMITED');
    expect(nameOf(decideOn(rateLimited, { past, isLastTry }))).toBe('failed');
    expect(nameOf(decideOn(rateLimited, { past, isLastTry, isRejected: true }))).toBe('rejected');
  });

  test('goes on after a day if a turn was recorded meanwhile', () => {
    const work = { ...workBefore(NO_HISTORY), checkpoints: [checkpointOf(1)] };
    const error = thrownOf('PROVIDER_RATE_LIMITED');
    const result = { status: 'stopped', error, isRejected: false, work } as const;
    expect(decideOn(error, { past: [deferred(25 * HOUR)], result })).toMatchObject({ next: 'defer', delayMs: 1_000 });
  });
});
