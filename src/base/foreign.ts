/** A JSON object from outside. Read its fields with {@link fieldOf}. */
export type ForeignObject = Readonly<Record<string, unknown>>;

/** Names that every object inherits. A field of foreign JSON with such a name is ignored. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/** The maximum nesting of foreign JSON. All readers recurse, and our records that contain it must stay readable. */
export const MAX_DEPTH = 128;

/** Tells whether a value is a JSON object: neither `null` nor a list. */
export function isObject(value: unknown): value is ForeignObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Cleans parsed JSON from outside. Removes fields whose names every object inherits, at any depth, and replaces a
 * number that JSON cannot express by `null` (`1e400` parses as infinity).
 *
 * Returns a value that needs no change itself, not a copy: nearly all events of a stream are clean.
 *
 * @throws SyntaxError for JSON that is nested deeper than `levels`.
 */
export function foreign(value: unknown, levels = MAX_DEPTH): unknown {
  return isHarmless(value, levels) ? value : harmless(value, levels);
}

/** Tells whether a value needs no change. */
function isHarmless(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) throw tooDeep();
  return Array.isArray(value) ? isHarmlessList(value, levels) : isHarmlessObject(value as ForeignObject, levels);
}

/** Uses no closure, because that would allocate memory for every value of every event. */
function isHarmlessList(list: readonly unknown[], levels: number): boolean {
  for (const item of list) if (!isHarmless(item, levels - 1)) return false;
  return true;
}

/** Uses `for … in`, which makes no list of names. A name found on a prototype is only looked at. */
function isHarmlessObject(object: ForeignObject, levels: number): boolean {
  for (const name in object) if (INHERITED.has(name) || !isHarmless(object[name], levels - 1)) return false;
  return true;
}

/** The value without harmful fields and numbers. */
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

/** Parses and cleans JSON from outside. @throws SyntaxError for text that is not JSON. */
export function parseForeign(text: string): unknown {
  return foreign(JSON.parse(text));
}

/** Reads a field, or the field `inner` of a field. Only own properties count; `undefined` if it is missing. */
export function fieldOf(value: unknown, name: string, inner?: string): unknown {
  const found = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return inner === undefined ? found : fieldOf(found, inner);
}

/** Reads a word, such as a type, an id or a reason. Returns a text unchanged, and an empty text for any other value. */
export function wordOf(value: unknown, name: string, inner?: string): string {
  const found = fieldOf(value, name, inner);
  return typeof found === 'string' ? found : '';
}

/** Reads a text. Returns any other JSON value as its JSON text, and a missing value as an empty text. */
export function textOf(value: unknown, name: string, inner?: string): string {
  return asText(fieldOf(value, name, inner));
}

/** Returns a value as text: JSON for a value that is not text, and an empty text for a missing value. */
export function asText(found: unknown): string {
  if (typeof found === 'string') return found;
  return found === undefined || found === null ? '' : JSON.stringify(found);
}

/** Reads a list. Returns an empty list for any other value. */
export function listOf(value: unknown, name: string): readonly unknown[] {
  return asList(fieldOf(value, name));
}

/** Returns a value if it is a list, and otherwise an empty list. */
export function asList(found: unknown): readonly unknown[] {
  return Array.isArray(found) ? found : [];
}
