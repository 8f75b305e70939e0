import { type Contract, parseUnlessFits } from '../contract/fits.ts';
import { isTooNew, needsOf, READER_VERSION } from '../contract/needs.ts';
import { ErrandError, messageOf } from '../errors.ts';

/**
 * Reads a stored record. All records are read here, so a record that does not parse never ends as an unexpected error.
 *
 * `what` names the record in the message, such as "the record of batch x".
 * @throws ErrandError `RECORD_UNREADABLE`; its `needs` is set if a newer version can read the record.
 */
export function readRecord<T>(contract: Contract<T>, text: string, what: string): T {
  const value = jsonOf(text, what);
  if (isTooNew(value)) throw tooNew(needsOf(value), what);
  return parsed(contract, value, what);
}

/**
 * Reads the fields of a record that the contract names, from a record of any version. Only for fields that no version
 * changes.
 * @throws ErrandError `RECORD_UNREADABLE`.
 */
export function readAnyVersion<T>(contract: Contract<T>, text: string, what: string): T {
  return parsed(contract, jsonOf(text, what), what);
}

/** @throws ErrandError `RECORD_UNREADABLE` with `needs` for a record that only a newer version can read. */
export function assertOwnVersion(text: string, what: string): void {
  const value = jsonOf(text, what);
  if (isTooNew(value)) throw tooNew(needsOf(value), what);
}

/**
 * Reads one entry of a record, or returns `null` if it cannot be read: a damaged entry must not hide the other entries.
 */
export function readEntry<T>(contract: Contract<T>, text: string): T | null {
  try {
    return readRecord(contract, text, 'an entry');
  } catch {
    return null;
  }
}

function parsed<T>(contract: Contract<T>, value: unknown, what: string): T {
  try {
    return parseUnlessFits(contract, value);
  } catch (error) {
    throw damaged(what, problemOf(error), error);
  }
}

function tooNew(needs: number, what: string): ErrandError {
  return new ErrandError(
    'RECORD_UNREADABLE',
    `${what} needs reader version ${needs}; this version reads up to ${READER_VERSION}`,
    { needs },
  );
}

function damaged(what: string, problem: string, cause: unknown): ErrandError {
  const remedy =
    'Upgrade if a newer version wrote it. Otherwise find the program that writes to the keys of Errand. The record is unchanged.';
  return new ErrandError('RECORD_UNREADABLE', `${what} does not parse: ${problem}`, { cause, remedy });
}

function jsonOf(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message of the parser quotes the text, which may contain a secret.
    throw damaged(what, 'it is not JSON', error);
  }
}

/** The first problem that a schema found, as one line in our words: "expected number, got string". */
export function problemOf(error: unknown): string {
  if (!(error instanceof Error && 'issues' in error && Array.isArray(error.issues))) return messageOf(error);
  const [issue]: { path?: PropertyKey[]; message?: string }[] = error.issues;
  const path = issue?.path?.map(String).join('.') ?? '';
  const wording = issue?.message?.replace(/^[A-Z][a-z]+ [a-z]+: /, '').replace(', received ', ', got ');
  return `${path === '' ? 'the record' : path}: ${wording ?? 'unknown problem'}`;
}
