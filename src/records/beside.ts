import { Beside } from '../contract/outcome.ts';
import { readEntry } from './read-record.ts';

type Whole = {
  calls_of_unknown_cost?: number | undefined;
  known_cost_usd?: number | undefined;
  notes?: string[] | undefined;
};

/** Splits a record into the part that is stored as the record, and the JSON that is stored beside it, which may be empty. */
export function apart<R extends Whole>(record: R): { plain: R; beside: string; calls: number } {
  const { calls_of_unknown_cost: calls = 0, known_cost_usd, notes = [], ...plain } = record;
  const spent = calls > 0 && { calls_of_unknown_cost: calls, known_cost_usd };
  const beside = { ...spent, ...(notes.length > 0 && { notes }) };
  return { plain: plain as R, beside: Object.keys(beside).length > 0 ? JSON.stringify(beside) : '', calls };
}

/** Merges a record with the part stored beside it. A part that cannot be read is left out. */
export function together<R extends Whole>(record: R, beside: string | null | undefined): R {
  const { calls_of_unknown_cost, known_cost_usd, notes } = (beside && readEntry(Beside, beside)) || {};
  return {
    ...record,
    ...(calls_of_unknown_cost !== undefined && { calls_of_unknown_cost }),
    ...(known_cost_usd !== undefined && { known_cost_usd }),
    ...(notes !== undefined && { notes }),
  };
}
