import { SpendBeside } from '../contract/spend.ts';
import { readEntry } from './read-record.ts';

type Spent = { calls_of_unknown_cost?: number | undefined; known_cost_usd?: number | undefined };

/** Takes a record apart: what is stored as the record, and what is stored beside it as JSON, empty for nothing. */
export function apart<R extends Spent>(record: R): { plain: R; beside: string; calls: number } {
  const { calls_of_unknown_cost: calls = 0, known_cost_usd, ...plain } = record;
  const beside = calls > 0 ? JSON.stringify({ calls_of_unknown_cost: calls, known_cost_usd }) : '';
  return { plain: plain as R, beside, calls };
}

/** Puts a record together again. What cannot be read beside it is left out. */
export function together<R extends Spent>(record: R, beside: string | null | undefined): R {
  const spent = beside ? readEntry(SpendBeside, beside) : null;
  if (!spent) return record;
  const { calls_of_unknown_cost, known_cost_usd } = spent;
  return { ...record, calls_of_unknown_cost, ...(known_cost_usd !== undefined && { known_cost_usd }) };
}
