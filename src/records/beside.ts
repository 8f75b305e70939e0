import { Beside } from '../contract/outcome.ts';
import { readEntry } from './read-record.ts';

/** The fields that are stored beside. */
const NAMES = Beside.keyof().options;

/** Splits a record into the part that is stored as the record, and the JSON that is stored beside it, or ''. */
export function apart<R extends Beside>(record: R): { plain: R; beside: string; calls: number } {
  const { calls_of_unknown_cost: calls = 0 } = record;
  const plain = { ...record };
  const beside: Partial<Beside> = {};
  // Most records have none of these fields, so every outcome passes here without a list of its fields.
  for (const name of NAMES) {
    if (!(name in plain)) continue;
    if (!isEmpty(plain[name]) && !(calls === 0 && SPENT.has(name))) Object.assign(beside, { [name]: plain[name] });
    delete plain[name];
  }
  return { plain, beside: Object.keys(beside).length > 0 ? JSON.stringify(beside) : '', calls };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

/** Fields without meaning if every call has a known cost. */
const SPENT: ReadonlySet<string> = new Set(['calls_of_unknown_cost', 'known_cost_usd']);

/** Merges a record with the part stored beside it. A part that cannot be read is left out. */
export function together<R extends Beside>(record: R, beside: string | null | undefined): R {
  const read = beside && readEntry(Beside, beside);
  if (!read) return record;
  const whole = { ...record };
  for (const name of NAMES) if (read[name] !== undefined) Object.assign(whole, { [name]: read[name] });
  return whole;
}
