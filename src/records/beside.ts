import { Beside } from '../contract/outcome.ts';
import { readEntry } from './read-record.ts';

const NAMES: ReadonlySet<string> = new Set(Object.keys(Beside.shape));

/** Splits a record into the part that is stored as the record, and the JSON that is stored beside it, which may be empty. */
export function apart<R extends Beside>(record: R): { plain: R; beside: string; calls: number } {
  const { calls_of_unknown_cost: calls = 0 } = record;
  const isEmpty = (name: string, value: unknown) =>
    value === undefined || (Array.isArray(value) && value.length === 0) || (calls === 0 && SPENT.has(name));
  const fields = Object.entries(record);
  const plain = Object.fromEntries(fields.filter(([name]) => !NAMES.has(name)));
  const beside = Object.fromEntries(fields.filter(([name, value]) => NAMES.has(name) && !isEmpty(name, value)));
  return { plain: plain as R, beside: Object.keys(beside).length > 0 ? JSON.stringify(beside) : '', calls };
}

/** Fields that say nothing if every call has a known cost. */
const SPENT: ReadonlySet<string> = new Set(['calls_of_unknown_cost', 'known_cost_usd']);

/** Merges a record with the part stored beside it. A part that cannot be read is left out. */
export function together<R extends Beside>(record: R, beside: string | null | undefined): R {
  const read: Beside = (beside && readEntry(Beside, beside)) || {};
  const known = Object.entries(read).filter(([name, value]) => NAMES.has(name) && value !== undefined);
  return { ...record, ...Object.fromEntries(known) };
}
