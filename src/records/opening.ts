import type { CancelFlag } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { messageOf } from '../errors.ts';
import { partsOf } from './keys.ts';
import { readFlag } from './read-flag.ts';
import { readOutcome } from './read-outcome.ts';
import { historyOf, newestEpochIn, type TaskHistory } from './task-history.ts';

/**
 * A job or record that only a newer version may act on: the reader version it needs, how long it has waited for such a
 * reader, how often it was looked at, and how many jobs of its batch wait for a later time.
 */
export type TooNew = { needs: number; waitedMs: number; looks: number; waiting: number };

/** What opening an attempt came to. Only `opened` may build a child. */
export type Opening =
  | ({ status: 'opened'; epoch: number } & TaskHistory)
  | { status: 'ended'; outcome: Outcome }
  | ({ status: 'cancelled'; epoch: number; flag: CancelFlag } & TaskHistory)
  | { status: 'held' }
  | { status: 'parked'; waiting: number }
  | ({ status: 'too_new' } & TooNew)
  | { status: 'unreadable'; epoch: number; problem: string }
  | { status: 'missing' };

/** Reads what `OPEN` returns. */
export function openingOf(reply: unknown, taskId: string): Opening {
  const [status, first, second, third, fourth] = reply as [string, ...unknown[]];
  switch (status) {
    case 'opened':
      return openedOf(Number(second), first, Number(second));
    case 'ended': {
      const { batchId, index } = partsOf(taskId);
      return { status, outcome: readOutcome({ batchId, index }, String(first), null) };
    }
    case 'cancelled': {
      const flag = readFlag(String(second));
      const opened = openedOf(newestEpochIn(first), first);
      return opened.status === 'opened' ? { ...opened, status, flag } : opened;
    }
    case 'held':
      return { status };
    case 'parked':
      return { status, waiting: Number(first) };
    case 'too_new': {
      const [needs = 0, waitedMs = 0, looks = 0, waiting = 0] = [first, second, third, fourth].map(Number);
      return { status, needs, waitedMs, looks, waiting };
    }
    default:
      return { status: 'missing' };
  }
}

/** Reads what `HISTORY` returns, as of the attempt `epoch`: of all attempts, or of those before an epoch. */
export function openedOf(
  epoch: number,
  history: unknown,
  before?: number,
): Extract<Opening, { status: 'opened' | 'unreadable' }> {
  try {
    return { status: 'opened', epoch, ...historyOf(history, before) };
  } catch (error) {
    return { status: 'unreadable', epoch, problem: messageOf(error) };
  }
}
