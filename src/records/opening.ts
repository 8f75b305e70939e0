import type { CancelFlag } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { messageOf } from '../errors.ts';
import { partsOf } from './keys.ts';
import { readFlag } from './read-flag.ts';
import { readOutcome } from './read-outcome.ts';
import { historyOf, newestEpochIn, type TaskHistory } from './task-history.ts';

/** What opening an attempt came to. Only `opened` may build a child. */
export type Opening =
  | ({ status: 'opened'; epoch: number } & TaskHistory)
  | { status: 'ended'; outcome: Outcome }
  | ({ status: 'cancelled'; epoch: number; flag: CancelFlag } & TaskHistory)
  | { status: 'parked'; waiting: number }
  | { status: 'unreadable'; epoch: number; problem: string }
  | { status: 'missing' };

/** Reads what `OPEN` returns. */
export function openingOf(reply: unknown, taskId: string): Opening {
  const [status, first, second] = reply as [string, ...unknown[]];
  switch (status) {
    case 'opened':
      return openedOf(Number(second), first, Number(second));
    case 'ended': {
      const { batchId, index } = partsOf(taskId);
      return { status, outcome: readOutcome(batchId, index, String(first), null) };
    }
    case 'cancelled': {
      const flag = readFlag(String(second));
      const opened = openedOf(newestEpochIn(first), first);
      return opened.status === 'opened' ? { ...opened, status, flag } : opened;
    }
    case 'parked':
      return { status, waiting: Number(first) };
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
