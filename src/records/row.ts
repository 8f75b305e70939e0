import type { LedgerRow } from '../contract/cleanup.ts';

/** A row of the ledger with its place: its task, and its id within the task (`<epoch>.<kind>.<ref>`). `entry` is what is stored. */
export type Row = { taskId: string; id: string; entry: LedgerRow };

/** A row that the index of a worker names, with the time of its intent. `unreadable`: this version cannot read its entry. */
export type IndexedRow = { intentMs: number } & (
  | ({ status: 'readable' } & Row)
  | ({ status: 'unreadable' } & Omit<Row, 'entry'>)
);
