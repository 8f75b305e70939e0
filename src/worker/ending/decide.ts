import type { Redactor } from '../../base/secret.ts';
import { type Failure, failureOf } from '../../contract/failure.ts';
import type { Disposition } from '../../contract/failures/spec.ts';
import type { Attempt } from '../../contract/outcome.ts';
import { type ErrandError, FAILURES } from '../../errors.ts';
import { AttemptCancelled } from '../classify.ts';
import type { Result } from '../result.ts';
import { deferralMs } from './deferral.ts';
import type { TaskEnd } from './outcome.ts';

/** How an attempt ends if its task continues. `surrender`: another attempt owns the task, or may own it. */
export type Pause =
  | { next: 'retry' | 'requeue' | 'surrender'; failure: Failure }
  | { next: 'defer'; failure: Failure; delayMs: number };

/** What follows from the result of an attempt: its task ends or continues. */
export type Decision = { next: 'end'; end: TaskEnd } | Pause;

/** What follows from a disposition, before the last try and at the last try. */
const NEXT = {
  discard: { before: 'end', last: 'end' },
  retry: { before: 'retry', last: 'end' },
  defer: { before: 'defer', last: 'defer' },
  requeue: { before: 'requeue', last: 'requeue' },
  surrender: { before: 'surrender', last: 'surrender' },
} as const satisfies Record<Disposition, Record<'before' | 'last', Decision['next']>>;

/** What a decision depends on. */
export type Question = {
  result: Result;
  /** Whether a temporary failure ends the task. */
  isLastTry: boolean;
  /** The earlier attempts of the task. */
  past: readonly Attempt[];
  redactor: Redactor;
  /** The wall clock, in milliseconds. */
  now: number;
  /** A random number from 0 to 1, which spreads deferrals. */
  draw: number;
};

/** Decides what follows from the result of an attempt. */
export function decide({ result, isLastTry, past, redactor, now, draw }: Question): Decision {
  if (result.status === 'succeeded') return { next: 'end', end: { status: 'succeeded' } };
  const { error, isRejected, work } = result;
  const failure = failureOf(error, redactor);
  const next = NEXT[dispositionOf(error)][isLastTry ? 'last' : 'before'];
  const end = isRejected ? { status: 'rejected' as const, failure } : taskEndOf(error, redactor);
  if (next === 'end') return { next, end };
  if (next !== 'defer') return { next, failure };
  const turns = work.checkpoints.length;
  const delayMs = deferralMs({ past, turns, askedMs: error.retryAfterMs, now, draw });
  return delayMs === null ? { next: 'end', end } : { next, failure, delayMs };
}

/** How a task ends because of an error. */
export function taskEndOf(
  error: ErrandError,
  redactor: Redactor,
): Exclude<TaskEnd, { status: 'succeeded' | 'rejected' }> {
  const failure = failureOf(error, redactor);
  if (error instanceof AttemptCancelled) return { status: 'cancelled', failure, flag: error.flag };
  return { status: 'failed', failure };
}

/** If a provider says when to retry, the task is deferred until then, even after an error that is otherwise retried. */
function dispositionOf({ code, retryAfterMs }: ErrandError): Disposition {
  const { disposition } = FAILURES[code];
  return disposition === 'retry' && retryAfterMs !== undefined ? 'defer' : disposition;
}
