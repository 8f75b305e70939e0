import { JsonCursor } from './json-cursor.ts';
import { readWord } from './json-word.ts';
import type { Place } from './place.ts';
import {
  fieldPath,
  GIVEN_TWICE,
  HALF_CHARACTER,
  MAX_FAULTS,
  PROTO_KEY,
  type TextBounds,
  type TextFault,
  type TextReading,
  tooDeep,
  tooLong,
  tooManyFields,
  tooManyTasks,
  tooManyValues,
} from './text-fault.ts';

type Frame = { items: unknown[] } | { fields: Record<string, unknown>; count: number; key: string };
type Expected = 'value' | 'first item' | 'first key' | 'key' | 'colon' | 'separator' | 'end' | 'nothing';
/** The name of a field, and the position of its first character. */
type Key = { name: string; at: number; place: Place };

/** The reader yields to the event loop after this time. */
const SLICE_MS = 10;
const STEPS_BETWEEN_LOOKS = 256;
/** The maximum length of a string in its JSON form. An escape has six characters, and no job holds a text of 8 MiB. */
const MAX_WRITTEN_CHARS = 6 * 8 * 1024 * 1024;
/** Every UTF-16 unit from the space on, except the quote and the backslash. */
const PLAIN = /[ -!#-[\]-\uffff]{0,16384}/y;
const PLAIN_ONE = /[ -!#-[\]-\uffff]/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const CUT_ESCAPE = /\\(?:u[\da-fA-F]{0,3})?$/y;
/**
 * Reads JSON so that the value equals the text. Refuses what `JSON.parse` changes silently: a field that is given
 * twice, a number that a double cannot hold, and half characters. Also refuses `__proto__`, and any value beyond the
 * bounds, such as deep nesting or an object of too many fields; it stops at the first such value. Yields to the event
 * loop every 10 ms, so that a large text does not block the process.
 */
export async function readJson(text: string, bounds: TextBounds): Promise<TextReading> {
  const reader = new JsonReader(text, bounds);
  while (!reader.run(performance.now() + SLICE_MS)) await new Promise((resolve) => setImmediate(resolve));
  return reader.reading();
}

class JsonReader {
  readonly #cursor: JsonCursor;
  readonly #bounds: TextBounds;
  readonly #open: Frame[] = [];
  readonly #faults: TextFault[] = [];
  #syntax: TextFault | null = null;
  #expected: Expected = 'value';
  /** The start of the string that is being read. */
  #quote: { start: number; hasEscapes: boolean } | null = null;
  #key: Key | null = null;
  /** The list of tasks, and the values of one task, or of everything else so far. */
  #tasks: Frame | null = null;
  #values = 0;
  #value: unknown;

  constructor(text: string, bounds: TextBounds) {
    this.#cursor = new JsonCursor(text);
    this.#bounds = bounds;
  }

  /** Reads until the end of the text, and then returns `true`, or until `untilMs`. */
  run(untilMs: number): boolean {
    for (let step = 1; this.#expected !== 'nothing'; step++) {
      if (step % STEPS_BETWEEN_LOOKS === 0 && performance.now() > untilMs) return false;
      if (this.#quote) this.#goOnWithString(this.#quote);
      else if (!this.#cursor.skipSpaces()) this.#step(this.#cursor.char);
    }
    return true;
  }

  reading(): TextReading {
    const [first, ...others] = this.#syntax ? [this.#syntax] : this.#faults;
    if (!first) return { status: 'read', value: this.#value };
    return { status: 'refused', isSyntax: this.#syntax !== null, faults: [first, ...others] };
  }

  #step(char: string | undefined): void {
    const isEmpty =
      (this.#expected === 'first key' && char === '}') || (this.#expected === 'first item' && char === ']');
    if (isEmpty) this.#close();
    else if (char === undefined && this.#expected === 'end') this.#expected = 'nothing';
    else if (char === undefined) this.#stop(true);
    else if (this.#expected === 'separator') this.#separator(char);
    else if (this.#expected === 'colon') this.#colon(char);
    else if (this.#expected === 'key' || this.#expected === 'first key') this.#beginKey(char);
    else if (this.#expected === 'end') this.#stop();
    else this.#begin(char);
  }

  #separator(char: string): void {
    const frame = this.#open.at(-1);
    const isList = frame !== undefined && 'items' in frame;
    if (char === (isList ? ']' : '}')) this.#close();
    else if (char === ',') {
      this.#cursor.pass();
      this.#expected = isList ? 'value' : 'key';
    } else this.#stop();
  }

  #beginKey(char: string): void {
    if (char === '"') this.#beginString();
    else this.#stop();
  }

  #colon(char: string): void {
    const frame = this.#open.at(-1);
    const key = this.#key;
    if (char !== ':' || key === null || !frame || 'items' in frame) {
      this.#stop();
      return;
    }
    this.#cursor.pass();
    this.#expected = 'value';
    frame.key = key.name;
    frame.count++;
    if (frame.count > this.#bounds.maxFields) this.#refuse(tooManyFields(this.#bounds.maxFields), key.at, key.place);
    else if (key.name === '__proto__') this.#fault(PROTO_KEY, key.at, key.place);
    else if (!key.name.isWellFormed()) this.#fault(HALF_CHARACTER, key.at, key.place);
    else if (Object.hasOwn(frame.fields, key.name)) this.#fault(GIVEN_TWICE, key.at, key.place);
  }

  #begin(char: string): void {
    this.#count();
    if (this.#expected === 'nothing') return;
    if (char === '{') this.#enter({ fields: {}, count: 0, key: '' }, 'first key');
    else if (char === '[') this.#enter({ items: [] }, 'first item');
    else if (char === '"') this.#beginString();
    else this.#beginWord();
  }

  /** Counts a value at its start. Each task starts a new count. */
  #count(): void {
    const frame = this.#open.at(-1);
    const isTask = frame !== undefined && frame === this.#tasks && 'items' in frame;
    if (isTask && frame.items.length >= this.#bounds.maxTasks) {
      this.#refuse(tooManyTasks(this.#bounds.maxTasks), this.#cursor.at, this.#cursor.place(), 'tasks');
    }
    this.#values = isTask ? 1 : this.#values + 1;
    if (this.#values > this.#bounds.maxValues) this.#refuse(tooManyValues(this.#bounds.maxValues), this.#cursor.at);
  }

  #beginWord(): void {
    const { at } = this.#cursor;
    const word = readWord(this.#cursor);
    if (word.status === 'read') this.#put(word.value);
    else if (word.status === 'long') this.#refuse(word.what, at);
    else if (word.status === 'inexact') {
      this.#fault(word.what, at);
      this.#put(null);
    } else this.#stop(word.status === 'cut');
  }

  #enter(frame: Frame, expected: Expected): void {
    if (this.#open.length >= this.#bounds.maxDepth) {
      this.#refuse(tooDeep(this.#bounds.levels), this.#cursor.at);
      return;
    }
    const [outer] = this.#open;
    const { root } = this.#bounds;
    const isIn = outer ? root === '' && 'key' in outer && outer.key === 'tasks' : root === 'tasks';
    if ('items' in frame && isIn && this.#open.length <= 1) this.#tasks = frame;
    this.#cursor.pass();
    this.#open.push(frame);
    this.#expected = expected;
  }

  #close(): void {
    const frame = this.#open.pop();
    this.#cursor.pass();
    if (frame) this.#put('items' in frame ? frame.items : frame.fields);
  }

  #put(value: unknown): void {
    const frame = this.#open.at(-1);
    if (this.#expected === 'nothing') return;
    this.#expected = frame ? 'separator' : 'end';
    if (!frame) this.#value = value;
    else if ('items' in frame) frame.items.push(value);
    else if (frame.key !== '__proto__') frame.fields[frame.key] = value;
  }

  #beginString(): void {
    this.#quote = { start: this.#cursor.pass(), hasEscapes: false };
  }

  /**
   * Reads a piece of a string, or an escape. Stops at a character that JSON does not allow, or if the end is missing.
   */
  #goOnWithString(quote: { start: number; hasEscapes: boolean }): void {
    this.#cursor.take(PLAIN);
    const char = this.#cursor.char;
    if (this.#cursor.at - quote.start > MAX_WRITTEN_CHARS) this.#refuse(tooLong(MAX_WRITTEN_CHARS), quote.start);
    else if (char === '"') this.#endString(quote);
    else if (char === '\\' && this.#cursor.take(ESCAPE)) quote.hasEscapes = true;
    else if (char === undefined || !this.#cursor.fits(PLAIN_ONE)) {
      this.#stop(char === undefined || this.#cursor.fits(CUT_ESCAPE));
    }
  }

  #endString({ start, hasEscapes }: { start: number; hasEscapes: boolean }): void {
    this.#quote = null;
    const written = this.#cursor.text.slice(start + 1, this.#cursor.pass());
    const text = hasEscapes ? String(JSON.parse(`"${written}"`)) : written;
    if (this.#expected === 'key' || this.#expected === 'first key') {
      this.#key = { name: text, at: start, place: this.#cursor.place(start) };
      this.#expected = 'colon';
      return;
    }
    if (!text.isWellFormed()) this.#fault(HALF_CHARACTER, start);
    this.#put(text);
  }

  #fault(what: string, at: number, place = this.#cursor.place(at), path = pathOf(this.#open, this.#bounds.root)): void {
    this.#faults.push({ path, at, place, what });
    if (this.#faults.length >= MAX_FAULTS) this.#expected = 'nothing';
  }

  #refuse(what: string, at: number, place?: Place, path?: string): void {
    this.#fault(what, at, place, path);
    this.#expected = 'nothing';
  }

  /** Stops at a character that JSON does not allow, or at the end of a text whose end is missing. */
  #stop(isCut = false): void {
    if (this.#expected === 'nothing') return;
    if (isCut) this.#cursor.pass(this.#cursor.text.length);
    const what = isCut ? 'it ends too early' : 'unexpected character';
    const { at } = this.#cursor;
    this.#syntax = { path: pathOf(this.#open, this.#bounds.root), at, place: this.#cursor.place(), what };
    this.#expected = 'nothing';
  }
}

function pathOf(open: readonly Frame[], root: string): string {
  return open.reduce(
    (path, frame) => ('items' in frame ? `${path}[${frame.items.length}]` : fieldPath(path, frame.key)),
    root,
  );
}
