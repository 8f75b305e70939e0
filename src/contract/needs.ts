import { z } from 'zod';

/**
 * The reader version of this code. Jobs and records without `needs` have version 1, the first version, and no content needs
 * a higher version yet. Raise it together with the first entry in {@link SINCE} that needs it.
 */
export const READER_VERSION = 1;

/** Fields that change the route, money, tools, files or the result: path → first reader version that acts on the field. */
export type FieldVersions = Readonly<Record<string, number>>;

const SINCE: FieldVersions = {};

/** The minimum reader version that may act on a job or record. If it is absent, every reader may. */
export const Needs = z.number().int().positive().optional();

/**
 * Returns the reader version that a stored value needs: the higher of its `needs` and its `version`, at least 1. A value
 * that is not a whole number is ignored here; the schema refuses it.
 */
export function needsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  const numbers = ['needs', 'version'].map((name) => Object.getOwnPropertyDescriptor(value, name)?.value);
  return Math.max(1, ...numbers.filter(isWhole));
}

/** Returns whether a reader of this version must leave the value to a newer one. */
export function isTooNew(value: unknown): boolean {
  return needsOf(value) > READER_VERSION;
}

/**
 * Returns `needs` for a job or record that is about to be written: the lowest reader version that may act on its content.
 * Version 1 is not written, so that plain batches keep their bytes and older readers read them. A field that only informs
 * has no entry in `since`.
 */
export function needsFor(content: object, since: FieldVersions = SINCE): { needs?: number } {
  const versions = Object.entries(since).map(([path, version]) => (isPresent(content, path.split('.')) ? version : 1));
  const needs = Math.max(1, ...versions);
  return needs === 1 ? {} : { needs };
}

function isPresent(value: unknown, [name, ...rest]: string[]): boolean {
  if (name === undefined) return value !== undefined;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
  return isPresent(Object.getOwnPropertyDescriptor(value, name)?.value, rest);
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}
