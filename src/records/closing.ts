import type { CancelFlag } from '../contract/batch.ts';
import type { CleanupStep } from '../contract/cleanup.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { Wake } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import { together } from './beside.ts';
import { readFlag } from './cancel-flag.ts';
import { readOutcome } from './read-outcome.ts';
import type { CHECKPOINT } from './scripts/attempt.ts';
import type { CLOSE, END_ATTEMPT } from './scripts/task.ts';
import { wakesIn } from './sleepers.ts';

/**
 * The rows that an attempt released, and their owner: the instance of the worker. A step with status `open` closes no
 * row.
 */
export type ReleasedRows = { owner: string; steps: readonly CleanupStep[] };

/** An attempt that released no rows. */
export const NOTHING_RELEASED: ReleasedRows = { owner: '', steps: [] };

/** The result of ending an attempt: the cancel flag, if there is one, or the parked tasks that got its place. */
export type Ended = { flag: CancelFlag | null; wake: Wake[] };

/**
 * The result of closing a task: `recorded`, or `ended` if the task already had an outcome. `outcome` is the stored one.
 */
export type Closing = { status: 'recorded' | 'ended'; outcome: Outcome; wake: Wake[] };

/** The reply to a fenced write. Each script replies with some of these statuses. */
type FencedReply = Exclude<ReturnType<typeof CHECKPOINT.read>, { status: 'ok' }> | { status: 'ok' };

/**
 * Returns the cancel flag in the reply to a fenced write, or `null`. @throws ErrandError `ATTEMPT_SUPERSEDED` if
 * refused.
 */
export function fenced(reply: FencedReply, batchId: string): CancelFlag | null {
  switch (reply.status) {
    case 'ok':
      return null;
    case 'cancelled':
      return readFlag(reply.flag);
    default:
      throw superseded(batchId, refusalOf(reply));
  }
}

/** Reads the reply to the end of an attempt. @throws ErrandError `ATTEMPT_SUPERSEDED` if it was refused. */
export function endedOf(reply: ReturnType<typeof END_ATTEMPT.read>, batchId: string): Ended {
  const flag = fenced(reply, batchId);
  return { flag, wake: reply.status === 'ok' ? wakesIn(reply.wake) : [] };
}

/**
 * Reads the reply to the outcome of a task: `ours` with the part stored `beside` it, or the outcome that was stored
 * first.
 * @throws ErrandError `ATTEMPT_SUPERSEDED` if it was refused.
 */
export function closingOf(reply: ReturnType<typeof CLOSE.read>, ours: Outcome, beside: string): Closing {
  const { batch_id: batchId, index } = ours;
  switch (reply.status) {
    case 'ok':
      return { status: 'recorded', outcome: together(ours, beside), wake: wakesIn(reply.wake) };
    case 'ended': {
      const outcome = readOutcome({ batchId, index }, reply.outcome, null);
      return { status: 'ended', outcome, wake: wakesIn(reply.wake) };
    }
    case 'stale':
      throw superseded(batchId, refusalOf(reply));
  }
}

function superseded(batchId: string, why: string): ErrandError {
  return new ErrandError('ATTEMPT_SUPERSEDED', `a write of batch ${batchId} was refused: ${why}`);
}

function refusalOf(reply: Exclude<FencedReply, { status: 'ok' | 'cancelled' }>): string {
  if (reply.status === 'ended') return 'the task has its outcome';
  if (reply.status === 'disorder') return `the next turn to record is ${reply.turns + 1}`;
  return `the newest epoch is ${reply.epoch}`;
}
