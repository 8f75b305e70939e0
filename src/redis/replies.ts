import type { ChainableCommander } from 'ioredis';
import { ErrandError } from '../errors.ts';

/** Reads a reply of Redis. @throws ErrandError `INTERNAL` for a reply of another shape; it does not quote the reply. */
export type ReplyReader<T> = (reply: unknown) => T;

type Fields = { readonly [name: string]: ReplyReader<unknown> };
type Read<F extends Fields> = { -readonly [Name in keyof F]: ReturnType<F[Name]> };

/** The value of a {@link tagged} reply: one of its statuses, with the fields of that status. */
export type Tagged<Statuses extends { readonly [status: string]: Fields }> = {
  [Status in keyof Statuses]: { status: Status } & Read<Statuses[Status]>;
}[keyof Statuses];

/** Reads the reply of a script that returns nothing. */
export function nothing(reply: unknown): void {
  if (reply !== null) throw unexpected('nothing', reply);
}

/** Reads a text. */
export function text(reply: unknown): string {
  if (typeof reply !== 'string') throw unexpected('a text', reply);
  return reply;
}

/** Reads a text, or `null` for a field that does not exist. */
export function textOrNull(reply: unknown): string | null {
  return reply === null ? null : text(reply);
}

/** Reads a number, or a text that is one. */
export function number(reply: unknown): number {
  const value = typeof reply === 'string' && reply !== '' ? Number(reply) : reply;
  if (typeof value !== 'number' || Number.isNaN(value)) throw unexpected('a number', reply);
  return value;
}

/** Reads 1 as `true` and 0 as `false`. */
export function bool(reply: unknown): boolean {
  if (reply !== 1 && reply !== 0) throw unexpected('1 or 0', reply);
  return reply === 1;
}

/** Reads a list, each entry by the same reader. */
export function listOf<T>(entry: ReplyReader<T>): ReplyReader<T[]> {
  return (reply) => {
    if (!Array.isArray(reply)) throw unexpected('a list', reply);
    return reply.map((value) => entry(value));
  };
}

/** Reads a list of texts. */
export function texts(reply: unknown): string[] {
  if (!isTexts(reply)) throw unexpected('a list of texts', reply);
  return reply;
}

function isTexts(reply: unknown): reply is string[] {
  return Array.isArray(reply) && reply.every((value) => typeof value === 'string');
}

/** Reads the fields of a hash in the order asked, `null` for a field that does not exist. */
export const textsOrNull: ReplyReader<(string | null)[]> = listOf(textOrNull);

/** Reads a flat list in which name and value alternate, as Redis returns a whole hash. */
export function pairs(reply: unknown): [string, string][] {
  const flat = texts(reply);
  if (flat.length % 2 === 1) throw unexpected('a list of pairs', reply);
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? '', flat[2 * at + 1] ?? '']);
}

/** Reads a list whose entries have these names, in this order. */
export function named<const F extends Fields>(fields: F): ReplyReader<Read<F>> {
  const readers = Object.entries(fields);
  return (reply) => readNamed<Read<F>>({}, readers, reply);
}

/** Reads a list whose first entry is a status. The further entries are named for each status, in their order. */
export function tagged<const S extends { readonly [status: string]: Fields }>(statuses: S): ReplyReader<Tagged<S>> {
  const known = new Map(Object.entries(statuses).map(([status, fields]) => [status, Object.entries(fields)]));
  return (reply) => {
    const status: unknown = Array.isArray(reply) ? reply[0] : undefined;
    const readers = typeof status === 'string' ? known.get(status) : undefined;
    if (!readers) throw unexpected(`a list that begins with ${[...known.keys()].join(' or ')}`, reply);
    return readNamed<Tagged<S>>({ status }, readers, (reply as unknown[]).slice(1));
  };
}

/** The readers determine the type of the result, but the compiler cannot see that from an index by name. */
function readNamed<T>(read: Record<string, unknown>, readers: [string, ReplyReader<unknown>][], entries: unknown): T {
  if (!Array.isArray(entries) || entries.length !== readers.length)
    throw unexpected(`a list of ${readers.length}`, entries);
  readers.forEach(([name, reader], at) => {
    read[name] = reader(entries[at]);
  });
  return read as T;
}

function unexpected(expected: string, reply: unknown): ErrandError {
  const kind = Array.isArray(reply) ? `a list of ${reply.length}` : reply === null ? 'nothing' : `a ${typeof reply}`;
  return new ErrandError('INTERNAL', `Redis returned ${kind}; expected ${expected}`);
}

/**
 * Sends a pipeline and returns its replies in order, with `undefined` for a key of a wrong type: another writer of
 * Redis must not be able to hide the other replies. Throws any other error.
 */
export async function typedRepliesOf(pipeline: ChainableCommander): Promise<unknown[]> {
  const results = (await pipeline.exec()) ?? [];
  return results.map(([error, reply]) => {
    if (error && !error.message.startsWith('WRONGTYPE')) throw error;
    return error ? undefined : reply;
  });
}

/**
 * Sends a pipeline and returns its replies in order. Throws the first error: a failed read must not look like an empty
 * one.
 */
export async function repliesOf(pipeline: ChainableCommander): Promise<unknown[]> {
  const results = (await pipeline.exec()) ?? [];
  return results.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
