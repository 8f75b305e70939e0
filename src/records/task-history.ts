import { BackgroundResponse, Checkpoint } from '../contract/checkpoint.ts';
import { amendCleanup, CleanupStep, cleanupOf, LedgerRow } from '../contract/cleanup.ts';
import { EffectCall } from '../contract/effect-call.ts';
import { Attempt } from '../contract/outcome.ts';
import { CutSpend } from '../contract/spend.ts';
import { readEntry, readRecord } from './read-record.ts';
import type { Row } from './row.ts';
import type { StoredHistory } from './scripts/fragments.ts';

/** The stored state of an unfinished task. */
export type TaskHistory = {
  /** The earlier attempts, oldest first. */
  past: Attempt[];
  /** The recorded turns, in order. */
  checkpoints: Checkpoint[];
  /** The open ledger rows of earlier attempts, without rows that this version cannot read. */
  openRows: Row[];
  /** How many ledger rows were closed. */
  closedRows: number;
  /** The background response that the next turn comes from. */
  response: BackgroundResponse | null;
  /** The calls of effect tools that were begun, in order. */
  effects: EffectCall[];
  /** The cost of the cut-off calls of an attempt, by its epoch. */
  cutSpends: ReadonlyMap<number, CutSpend>;
  /** The history could not be read; all other fields are empty. */
  isUnreadable: boolean;
};

/** The history of a task without records. */
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
 * Reads the stored history of a task, of the attempts before an epoch. Marks an earlier attempt without an end as
 * `lost`. The cleanup of an attempt has its closed rows, whichever worker closed them, and the rows that it could not
 * close.
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

/** Returns the attempt with only its open rows in its cleanup. The closed rows have records of their own. */
export function unclosed({ cleanup, ...attempt }: Attempt): Attempt {
  const open = cleanup?.steps.filter(({ status }) => status === 'open') ?? [];
  return open.length === 0 ? attempt : { ...attempt, cleanup: cleanupOf(open) };
}

function lostUnlessEnded(attempt: Attempt, from: string | undefined): Attempt {
  if (attempt.ended) return attempt;
  const takenOver = from !== undefined && { call_taken_over_from: Number(from) };
  return { ...attempt, ...takenOver, ended: 'lost' };
}

/** Returns the attempt with the cleanup steps of its own rows added to its cleanup record. */
export function withCleanup(attempt: Attempt, steps: CleanupStep[]): Attempt {
  const own = steps.filter((step) => step.row.startsWith(`${attempt.epoch}.`));
  return { ...attempt, cleanup: amendCleanup(attempt.cleanup ?? cleanupOf([]), own) };
}
