/** A JSON object that somebody else wrote. Its fields are read with {@link fieldOf}. */
export type ForeignObject = Readonly<Record<string, unknown>>;

/** Names that every object inherits. As a field of foreign JSON each of them is ignored. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/** How deep foreign JSON may be nested. Every reader of it recurses, and a record of ours must be readable again. */
export const MAX_DEPTH = 128;

/** Tells whether a value is a JSON object: neither `null` nor a list. */
export function isObject(value: unknown): value is ForeignObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Takes parsed JSON of somebody else in: without fields named like something that every object inherits, at any depth,
 * and with `null` for a number that JSON cannot carry (`1e400` parses as infinity).
 *
 * JSON that needs no change is returned as it is, because streams consist of little else.
 *
 * @throws SyntaxError for JSON that is nested deeper than so many `levels`.
 */
export function foreign(value: unknown, levels = MAX_DEPTH): unknown {
  return isHarmless(value, levels) ? value : harmless(value, levels);
}

/** Tells whether nothing in a value has to be changed. */
function isHarmless(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) throw tooDeep();
  if (Array.isArray(value)) return value.every((item) => isHarmless(item, levels - 1));
  return Object.entries(value).every(([name, field]) => !INHERITED.has(name) && isHarmless(field, levels - 1));
}

/** The value without what harms. */
function harmless(value: unknown, levels: number): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) throw tooDeep();
  if (Array.isArray(value)) return value.map((item) => harmless(item, levels - 1));
  const fields = Object.entries(value).filter(([name]) => !INHERITED.has(name));
  return Object.fromEntries(fields.map(([name, field]) => [name, harmless(field, levels - 1)]));
}

function tooDeep(): SyntaxError {
  return new SyntaxError('JSON that is nested too deep');
}

/** Parses JSON of somebody else and takes it in. @throws SyntaxError for text that is not JSON. */
export function parseForeign(text: string): unknown {
  return foreign(JSON.parse(text));
}

/** Reads a field, or a field of a field, by own properties alone; `undefined` if it is missing. */
export function fieldOf(value: unknown, ...path: string[]): unknown {
  let found = value;
  for (const name of path) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  return found;
}

/** Reads a word, such as a type, an id or a reason: a text as it was sent, empty for anything else. */
export function wordOf(value: unknown, ...path: string[]): string {
  const found = fieldOf(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** Reads a text, also if JSON was sent in its place; empty for one that was left out. */
export function textOf(value: unknown, ...path: string[]): string {
  const found = fieldOf(value, ...path);
  if (typeof found === 'string') return found;
  return found === undefined || found === null ? '' : JSON.stringify(found);
}

/** Reads a list; empty for anything else. */
export function listOf(value: unknown, ...path: string[]): readonly unknown[] {
  const found = fieldOf(value, ...path);
  return Array.isArray(found) ? found : [];
}
