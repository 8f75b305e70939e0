import type { Redactor } from '../base/secret.ts';
import { type Contract, parseUnlessFits } from '../contract/fits.ts';
import { ErrandError } from '../errors.ts';
import { problemOf } from './read-record.ts';

/**
 * Fields with words of Errand and names from the configuration. They are never masked: a key with the text of a
 * provider's name would otherwise make the record unreadable.
 */
const NAMES = new Set(
  'actor batch_id chosen_by code credential_id effort_treatment ended endpoint_host event evidence id instance kind model origin owner provider reasoning_effort row status stop task_id version wire worker'.split(
    ' ',
  ),
);

/** Fields with the words of others. The names of all fields inside are theirs too. */
const FREE = new Set(['native', 'metadata', 'tool_calls', 'tool_results']);

declare const fits: unique symbol;

/** A record that fits its schema. Only a checked record is written. */
export type Checked<R> = R & { readonly [fits]: true };

/** Checks a record against its schema. @throws ErrandError `INTERNAL` if it does not fit: no reader could read it. */
export function checked<R extends object>(contract: Contract<R>, record: R): Checked<R> {
  try {
    parseUnlessFits(contract, record);
  } catch (error) {
    throw new ErrandError('INTERNAL', `a record was not written: ${problemOf(error)}`, { cause: error });
  }
  return record as Checked<R>;
}

/** Returns a record with every watched secret masked in its free text, and its JSON. */
export function masked<R extends object>(record: Checked<R>, redactor: Redactor): { text: string; record: R } {
  const text = JSON.stringify(record);
  if (!redactor.isIn(text)) return { text, record };
  const free = new WeakSet<object>();
  const clean = JSON.stringify(record, function (this: object, key, value: unknown) {
    const isFree = FREE.has(key) || free.has(this);
    if (typeof value === 'string') return isFree || !NAMES.has(key) ? redactor.scrub(value) : value;
    if (isFree && typeof value === 'object' && value !== null) free.add(value);
    return value;
  });
  return { text: clean, record: JSON.parse(clean) as R };
}

/** Returns the JSON text of a record, masked. @throws ErrandError `INTERNAL` if it does not fit its schema. */
export function recordText<R extends object>(contract: Contract<R>, record: R, redactor: Redactor): string {
  return masked(checked(contract, record), redactor).text;
}
