import type { LedgerRow } from '../contract/cleanup.ts';

/** A row of the ledger: its task, its id within the task (`<epoch>.<kind>.<ref>`), and its stored entry. */
export type Row = { taskId: string; id: string; entry: LedgerRow };

/**
 * A row that the index of a worker names, with the time of its intent. `unreadable`: this version cannot read its
 * entry.
 */
export type IndexedRow = { intentMs: number } & (
  | ({ status: 'readable' } & Row)
  | ({ status: 'unreadable' } & Omit<Row, 'entry'>)
);
