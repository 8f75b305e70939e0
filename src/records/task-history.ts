import { BackgroundResponse, Checkpoint } from '../contract/checkpoint.ts';
import { amendCleanup, CleanupStep, cleanupOf, LedgerRow } from '../contract/cleanup.ts';
import { EffectCall } from '../contract/effect-call.ts';
import { Attempt } from '../contract/outcome.ts';
import { CutSpend } from '../contract/spend.ts';
import { readEntry, readRecord } from './read-record.ts';
import type { Row } from './row.ts';
import type { StoredHistory } from './scripts/fragments.ts';

/**
 * What is on record of a task that has not ended: its earlier attempts, oldest first, its recorded turns, the ledger rows
 * that earlier attempts left open, those apart that cannot be read here, how many were closed, the background response that
 * its next turn will come from, and the calls of effect tools that were begun, in order.
 */
export type TaskHistory = {
  past: Attempt[];
  checkpoints: Checkpoint[];
  openRows: Row[];
  closedRows: number;
  response: BackgroundResponse | null;
  effects: EffectCall[];
  /** By epoch, what the cut-off calls of an attempt cost. */
  cutSpends: ReadonlyMap<number, CutSpend>;
  /** The history could not be read; all other fields are empty. */
  isUnreadable: boolean;
};

/** The history of a task nothing is known of. */
export const NO_HISTORY: Readonly<TaskHistory> = {
  past: [],
  checkpoints: [],
  openRows: [],
  closedRows: 0,
  response: null,
  effects: [],
  cutSpends: new Map(),
  isUnreadable: false,
};

/** The history of a task that cannot be read. */
export const UNREADABLE_HISTORY: Readonly<TaskHistory> = { ...NO_HISTORY, isUnreadable: true };

/**
 * Reads the stored history of a task, of the attempts before an epoch. An earlier attempt that never said how it ended is marked
 * `lost`. The cleanup of each is what was closed of its rows, by whomever, and what it could not close.
 */
export function historyOf(taskId: string, stored: StoredHistory, before = Number.POSITIVE_INFINITY): TaskHistory {
  const { task, turns, ledger, released, effects } = stored;
  const steps = released.map((text) => readRecord(CleanupStep, text, 'a cleanup step'));
  const fields = new Map(task);
  const past = [...fields]
    .filter(([name]) => /^a\d+$/.test(name) && Number(name.slice(1)) < before)
    .map(([, text]) => readRecord(Attempt, text, 'an attempt'))
    .map((attempt) => lostUnlessEnded(attempt, fields.get(`from${attempt.epoch}`)))
    .map((attempt) => withCleanup(attempt, steps))
    .sort((a, b) => a.epoch - b.epoch);
  const response = fields.get('response');
  return {
    past,
    checkpoints: turns.map((text) => readRecord(Checkpoint, text, 'a checkpoint')),
    openRows: ledger.flatMap(([id, text]) => {
      const entry = readEntry(LedgerRow, text);
      return entry ? [{ taskId, id, entry }] : [];
    }),
    closedRows: released.length,
    response: response === undefined ? null : readRecord(BackgroundResponse, response, 'the background response'),
    effects: effects
      .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
      .map(([, text]) => readRecord(EffectCall, text, 'the call of an effect tool')),
    cutSpends: cutSpendsIn(fields),
    isUnreadable: false,
  };
}

/** A spend that cannot be read counts like a spend that was never written. */
function cutSpendsIn(fields: ReadonlyMap<string, string>): Map<number, CutSpend> {
  const spends = new Map<number, CutSpend>();
  for (const [name, text] of fields) {
    const [, epoch] = /^spend(\d+)$/.exec(name) ?? [];
    const spend = epoch === undefined ? null : readEntry(CutSpend, text);
    if (spend) spends.set(Number(epoch), spend);
  }
  return spends;
}

/** The newest epoch in the stored history; 0 for a task that never started. */
export function newestEpochIn({ task }: StoredHistory): number {
  return Number(task.find(([name]) => name === 'epoch')?.[1] ?? 0);
}

/** The attempt with those of its rows that are still open: the closed ones are on record as such. */
export function unclosed({ cleanup, ...attempt }: Attempt): Attempt {
  const open = cleanup?.steps.filter(({ status }) => status === 'open') ?? [];
  return open.length === 0 ? attempt : { ...attempt, cleanup: cleanupOf(open) };
}

function lostUnlessEnded(attempt: Attempt, from: string | undefined): Attempt {
  if (attempt.ended) return attempt;
  const takenOver = from !== undefined && { call_taken_over_from: Number(from) };
  return { ...attempt, ...takenOver, ended: 'lost' };
}

/** The attempt with those of the steps in its cleanup record that are of its rows. */
export function withCleanup(attempt: Attempt, steps: CleanupStep[]): Attempt {
  const own = steps.filter((step) => step.row.startsWith(`${attempt.epoch}.`));
  return { ...attempt, cleanup: amendCleanup(attempt.cleanup ?? cleanupOf([]), own) };
}
