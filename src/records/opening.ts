import type { CancelFlag } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { messageOf } from '../errors.ts';
import { readFlag } from './cancel-flag.ts';
import { partsOf } from './keys.ts';
import { readOutcome } from './read-outcome.ts';
import type { StoredHistory } from './scripts/fragments.ts';
import type { OPEN } from './scripts/task.ts';
import { historyOf, newestEpochIn, type TaskHistory } from './task-history.ts';

/**
 * A job or record that only a newer version may act on. `needs`: the reader version that it needs. `waitedMs`: how long
 * it has waited for such a reader. `looks`: how often a worker looked at it. `waiting`: how many jobs of its batch wait
 * for their time.
 */
export type TooNew = { needs: number; waitedMs: number; looks: number; waiting: number };

/** The result of opening an attempt. Only for `opened` a child may be built. */
export type Opening =
  | ({ status: 'opened'; epoch: number } & TaskHistory)
  | { status: 'ended'; outcome: Outcome }
  | ({ status: 'cancelled'; epoch: number; flag: CancelFlag } & TaskHistory)
  | { status: 'held' }
  | { status: 'parked'; waiting: number }
  | ({ status: 'too_new' } & TooNew)
  | { status: 'unreadable'; epoch: number; problem: string }
  | { status: 'missing' };

/** Reads the reply to the opening of an attempt. */
export function openingOf(reply: ReturnType<typeof OPEN.read>, taskId: string): Opening {
  switch (reply.status) {
    case 'opened':
      return openedOf(taskId, reply.epoch, reply.history, reply.epoch);
    case 'ended': {
      const { batchId, index } = partsOf(taskId);
      return { status: 'ended', outcome: readOutcome({ batchId, index }, reply.outcome, null) };
    }
    case 'cancelled': {
      const opened = openedOf(taskId, newestEpochIn(reply.history), reply.history);
      return opened.status === 'opened' ? { ...opened, status: 'cancelled', flag: readFlag(reply.flag) } : opened;
    }
    default:
      return reply;
  }
}

/** Reads the stored history of a task for the attempt `epoch`: of all attempts, or of the attempts before an epoch. */
export function openedOf(
  taskId: string,
  epoch: number,
  history: StoredHistory,
  before?: number,
): Extract<Opening, { status: 'opened' | 'unreadable' }> {
  try {
    return { status: 'opened', epoch, ...historyOf(taskId, history, before) };
  } catch (error) {
    return { status: 'unreadable', epoch, problem: messageOf(error) };
  }
}
