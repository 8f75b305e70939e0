import { holderIdOf } from '../base/ids.ts';
import type { LedgerRow } from '../contract/cleanup.ts';

/**
 * A row of a ledger: its task, its id within the task (`<epoch>.<kind>.<ref>`), and its stored entry. A row of what a
 * worker holds for several tasks has the holder id of the worker as its task; see `WorkerLedger`.
 */
export type Row = { taskId: string; id: string; entry: LedgerRow };

/**
 * A row that the index of a worker names, with the time of its intent. `unreadable`: this version cannot read its
 * entry.
 */
export type IndexedRow = { intentMs: number } & (
  | ({ status: 'readable' } & Row)
  | ({ status: 'unreadable' } & Omit<Row, 'entry'>)
);

/** Tells whether a row belongs to a worker and to no task. */
export function isOfWorker({ taskId, entry }: Row): boolean {
  return taskId === holderIdOf(entry.owner);
}
