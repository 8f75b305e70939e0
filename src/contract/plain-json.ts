import { inexactText, isExact } from '../base/exact-number.ts';
import { fieldPath, HALF_CHARACTER, PROTO_KEY, type TextBounds, tooDeep, tooManyFields } from '../base/text-fault.ts';
import type { Problem } from '../errors.ts';
import type { Limits } from './limits.ts';

/** Says that a getter or a proxy has thrown. */
export const CANNOT_BE_READ = 'expected plain JSON, got a value that cannot be read';
/** The maximum number of fields of one object. */
const MAX_FIELDS = 50_000;
/** The maximum number of values in a task, or in the options of a batch, beside its metadata. */
const MAX_VALUES_BESIDE = 10_000;
/**
 * The maximum number of characters, names included, that are looked at in metadata, or beside it: no job holds as much.
 */
const MAX_CHARS = 8 * 1024 * 1024;
const MAX_PROBLEMS = 100;

/** Returns the type of a value, in the words of JSON. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return isList(value) ? 'array' : typeof value;
}

/** Tells whether a value is an array. For a revoked proxy it returns `false` and does not throw. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** A copy of a value, or the reasons why it is not plain JSON of a bounded size. */
export type PlainReading = { status: 'plain'; value: unknown } | { status: 'refused'; problems: Problem[] };

/** How much of one part of a value may still be read, and the message if that is exceeded. */
type Room = { values: number; chars: number; exceeded: string };

/**
 * Copies a task, or the options of a batch, and refuses by path what JSON cannot carry unchanged: `__proto__` keys, NaN
 * and infinities, whole numbers beyond 2^53 - 1, half characters, functions, instances of classes, gaps in lists,
 * cycles, deep nesting. Runs before any schema, because a schema takes seconds for what is too large: it stops at the
 * first value beyond the limits, and looks at no text whose length is beyond them. Lists the fields of an object once,
 * because V8 lists them all before it returns the first; no other way to read an object is cheaper. Reads each field
 * once, so that a getter cannot answer differently later. `raw`: a field that is passed on as it is.
 */
export function plainCopy(value: unknown, limits: Limits, raw?: string): PlainReading {
  const copier = new PlainCopier(limits, raw);
  const copy = copier.copy(value);
  return copier.problems.length > 0
    ? { status: 'refused', problems: copier.problems }
    : { status: 'plain', value: copy };
}

/**
 * Returns the bounds of a text that holds tasks, without its nesting and the path of its root. They allow all that
 * {@link plainCopy} allows.
 */
export function textBounds(limits: Limits): Omit<TextBounds, 'maxDepth' | 'root'> {
  const { values } = roomForMetadata(limits.max_metadata_bytes);
  const maxValues = MAX_VALUES_BESIDE + Math.ceil(values);
  return { levels: limits.max_depth, maxFields: MAX_FIELDS, maxTasks: limits.max_tasks, maxValues };
}

class PlainCopier {
  readonly problems: Problem[] = [];
  readonly #limits: Limits;
  readonly #raw: string | undefined;
  readonly #open = new Set<object>();
  #room: Room = roomBeside();
  #isOver = false;

  constructor(limits: Limits, raw: string | undefined) {
    this.#limits = limits;
    this.#raw = raw;
  }

  copy(value: unknown): unknown {
    return this.#visit(value, '');
  }

  #visit(node: unknown, path: string): unknown {
    this.#spend(1, typeof node === 'string' ? node.length : 1, path);
    if (this.#isOver) return undefined;
    if (typeof node === 'object' && node !== null) return this.#enter(node, path);
    const wrong = wrongWith(node);
    if (wrong !== null) this.#refuse(path, wrong);
    return node === 0 ? 0 : node; // -0 is 0 in JSON
  }

  #enter(node: object, path: string): unknown {
    if (this.#open.has(node)) {
      this.#refuse(path, 'expected plain JSON, got a reference to an enclosing object');
      return undefined;
    }
    this.#open.add(node);
    try {
      return this.#read(node, path);
    } catch {
      this.#refuse(path, CANNOT_BE_READ);
      return undefined;
    } finally {
      this.#open.delete(node);
    }
  }

  /** Throws what a getter or a proxy throws. */
  #read(node: object, path: string): unknown {
    const isArray = Array.isArray(node);
    const isTooDeep = this.#open.size > this.#limits.max_depth;
    const wrong = isTooDeep ? tooDeep(this.#limits.max_depth) : isArray ? null : classOf(node);
    if (wrong === null) return isArray ? this.#items(node, path) : this.#fields(node, path);
    this.#refuse(path, wrong);
    return undefined;
  }

  #items(node: readonly unknown[], path: string): unknown[] {
    const { length } = node; // a proxy can answer differently later
    if (length > this.#room.values) this.#spend(length, 0, path);
    else if (Object.keys(node).length !== length) {
      this.#refuse(path, 'expected plain JSON, got a list with gaps or named fields');
      return [];
    }
    const copy: unknown[] = [];
    for (let at = 0; at < length && !this.#isOver; at++) copy.push(this.#visit(node[at], `${path}[${at}]`));
    return copy;
  }

  #fields(node: object, path: string): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    const keys = Object.keys(node);
    if (keys.length > MAX_FIELDS) {
      this.#refuse(path, tooManyFields(MAX_FIELDS));
      return copy;
    }
    const isTop = this.#open.size === 1;
    for (const key of keys) {
      const at = fieldPath(path, key);
      this.#spend(0, key.length, at);
      if (this.#isOver) break;
      if (key === '__proto__') this.#refuse(at, PROTO_KEY);
      else if (!key.isWellFormed()) this.#refuse(at, HALF_CHARACTER);
      else if (isTop && key === this.#raw) copy[key] = Reflect.get(node, key);
      else if (isTop && key === 'metadata') copy[key] = this.#metadata(Reflect.get(node, key), at);
      else copy[key] = this.#visit(Reflect.get(node, key), at);
    }
    return copy;
  }

  #metadata(value: unknown, at: string): unknown {
    const beside = this.#room;
    this.#room = roomForMetadata(this.#limits.max_metadata_bytes);
    const copy = this.#visit(value, at);
    this.#room = beside;
    return copy;
  }

  #spend(values: number, chars: number, path: string): void {
    this.#room.values -= values;
    this.#room.chars -= chars;
    if (this.#isOver || (this.#room.values >= 0 && this.#room.chars >= 0)) return;
    const [field = ''] = /^[^.[]*/.exec(path) ?? [];
    this.#refuse(field, this.#limitOf(field, chars) ?? this.#room.exceeded);
    this.#isOver = true;
  }

  /** Returns the message about a text that is longer than the limit of its field; `null` for any other problem. */
  #limitOf(field: string, chars: number): string | null {
    if (field !== 'goal' && field !== 'context') return null;
    const max = this.#limits[`max_${field}_bytes`];
    return chars > max ? `expected at most ${max} bytes (limits.max_${field}_bytes), got more` : null;
  }

  #refuse(path: string, message: string): void {
    if (!this.#isOver) this.problems.push({ path, message });
    this.#isOver ||= this.problems.length >= MAX_PROBLEMS;
  }
}

function roomBeside(): Room {
  const exceeded = `expected at most ${MAX_VALUES_BESIDE} values and ${MAX_CHARS} characters beside the metadata, got more`;
  return { values: MAX_VALUES_BESIDE, chars: MAX_CHARS, exceeded };
}

/** Each value of JSON takes two bytes or more, with its separator. */
function roomForMetadata(maxBytes: number): Room {
  const exceeded =
    maxBytes <= MAX_CHARS
      ? `expected at most ${maxBytes} bytes (limits.max_metadata_bytes), got more`
      : `expected at most ${MAX_CHARS} characters of metadata, got more`;
  return { values: Math.min(maxBytes, MAX_CHARS) / 2 + 1, chars: MAX_CHARS, exceeded };
}

function wrongWith(value: unknown): string | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : HALF_CHARACTER;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return `expected a finite number, got ${value}`;
    return isExact(value) ? null : inexactText(String(value));
  }
  const isForeign = typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol';
  return isForeign ? `expected plain JSON, got a ${typeof value}` : null;
}

/** Names the class of an object; `null` for a plain object, also of another realm. */
function classOf(node: object): string | null {
  const prototype: unknown = Object.getPrototypeOf(node);
  if (prototype === null || prototype === Object.prototype) return null;
  if (Object.getPrototypeOf(prototype) === null && Object.hasOwn(Object(prototype), 'isPrototypeOf')) return null;
  const known = [Date, Map, Set].find((kind) => node instanceof kind);
  return `expected plain JSON, got ${known ? `a ${known.name}` : 'an instance of a class'}`;
}

/**
 * Tells whether a value is JSON: it can be written and read again without a change. It makes no copy and does not
 * recurse, because every turn passes here and a provider chooses the depth.
 */
export function isJsonValue(value: unknown): boolean {
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const part = rest.pop();
    if (part === null || typeof part === 'string' || typeof part === 'boolean' || Number.isFinite(part)) continue;
    if (Array.isArray(part)) for (const item of part) rest.push(item);
    else if (isPlain(part)) for (const name in part) rest.push(part[name]);
    else return false;
  }
  return true;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && classOf(value) === null;
}
