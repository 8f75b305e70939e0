import { exactNumber, inexactText } from './exact-number.ts';
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
  tooManyFields,
} from './text-fault.ts';

type Frame = { items: unknown[] } | { fields: Record<string, unknown>; count: number; key: string };
type Expected = 'value' | 'first item' | 'first key' | 'key' | 'separator' | 'end' | 'nothing';

/** The event loop gets a turn after so long. */
const SLICE_MS = 10;
const STEPS_BETWEEN_LOOKS = 256;

const SPACE = /[ \t\r\n]*/y;
/** Every UTF-16 unit from the space on but the quote and the backslash. */
const PLAIN = /[ -!#-[\]-\uffff]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const CUT_ESCAPE = /\\(?:u[\da-fA-F]{0,3})?$/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const CUT_NUMBER = /-?(?:(?:0|[1-9]\d*)(?:\.|(?:\.\d+)?[eE][+-]?)?)?$/y;
const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/**
 * Reads JSON so that the value equals the text. Refuses what `JSON.parse` changes silently: a field that is given twice, a
 * number that a double cannot hold, half characters; and `__proto__`, deep nesting and objects of very many fields. Lets the
 * event loop have a turn every 10 ms, so that a large text stalls nobody.
 */
export async function readJson(text: string, bounds: TextBounds): Promise<TextReading> {
  const reader = new JsonReader(text, bounds);
  while (!reader.run(performance.now() + SLICE_MS)) await new Promise((resolve) => setImmediate(resolve));
  return reader.reading();
}

class JsonReader {
  readonly #text: string;
  readonly #bounds: TextBounds;
  readonly #open: Frame[] = [];
  readonly #faults: TextFault[] = [];
  #syntax: TextFault | null = null;
  #expected: Expected = 'value';
  #at = 0;
  #value: unknown;

  constructor(text: string, bounds: TextBounds) {
    this.#text = text;
    this.#bounds = bounds;
  }

  /** Reads until the text is over, which returns `true`, or until a time. */
  run(untilMs: number): boolean {
    for (let step = 1; this.#expected !== 'nothing'; step++) {
      if (step % STEPS_BETWEEN_LOOKS === 0 && performance.now() > untilMs) return false;
      this.#take(SPACE);
      if (this.#at < this.#text.length) this.#step(this.#text.charAt(this.#at));
      else if (this.#expected === 'end') this.#expected = 'nothing';
      else this.#stop('it ends too early');
    }
    return true;
  }

  reading(): TextReading {
    const [first, ...others] = this.#syntax ? [this.#syntax] : this.#faults;
    if (!first) return { status: 'read', value: this.#value };
    return { status: 'refused', isSyntax: this.#syntax !== null, faults: [first, ...others] };
  }

  #step(char: string): void {
    const isEmpty =
      (this.#expected === 'first key' && char === '}') || (this.#expected === 'first item' && char === ']');
    if (isEmpty) this.#close();
    else if (this.#expected === 'separator') this.#separator(char);
    else if (this.#expected === 'key' || this.#expected === 'first key') this.#key(char);
    else if (this.#expected === 'end') this.#stop('unexpected character');
    else this.#begin(char);
  }

  #separator(char: string): void {
    const frame = this.#open.at(-1);
    const isList = frame !== undefined && 'items' in frame;
    if (char === (isList ? ']' : '}')) this.#close();
    else if (char === ',') {
      this.#at++;
      this.#expected = isList ? 'value' : 'key';
    } else this.#stop('unexpected character');
  }

  #key(char: string): void {
    const frame = this.#open.at(-1);
    const start = this.#at;
    const key = char === '"' ? this.#string() : null;
    if (key === null || !frame || 'items' in frame) {
      this.#stop('unexpected character');
      return;
    }
    this.#take(SPACE);
    if (this.#text[this.#at] !== ':') {
      this.#stop(this.#at < this.#text.length ? 'unexpected character' : 'it ends too early');
      return;
    }
    this.#at++;
    this.#expected = 'value';
    frame.key = key;
    frame.count++;
    if (frame.count > this.#bounds.maxFields) this.#refuse(tooManyFields(this.#bounds.maxFields), start);
    else if (key === '__proto__') this.#fault(PROTO_KEY, start);
    else if (!key.isWellFormed()) this.#fault(HALF_CHARACTER, start);
    else if (Object.hasOwn(frame.fields, key)) this.#fault(GIVEN_TWICE, start);
  }

  #begin(char: string): void {
    const start = this.#at;
    const literal = LITERALS.find(([word]) => this.#text.startsWith(word, start));
    if (char === '{') this.#enter({ fields: {}, count: 0, key: '' }, 'first key');
    else if (char === '[') this.#enter({ items: [] }, 'first item');
    else if (char === '"') this.#beginString(start);
    else if (literal) {
      this.#at += literal[0].length;
      this.#put(literal[1]);
    } else this.#beginNumber(start);
  }

  #beginString(start: number): void {
    const text = this.#string();
    if (text === null) return;
    if (!text.isWellFormed()) this.#fault(HALF_CHARACTER, start);
    this.#put(text);
  }

  #beginNumber(start: number): void {
    const number = this.#take(NUMBER);
    if (number === '' || this.#isCutNumber(start)) {
      this.#stopInWord(start);
      return;
    }
    const value = exactNumber(number);
    if (value === null) this.#fault(inexactText(number), start);
    this.#put(value);
  }

  #isCutNumber(start: number): boolean {
    CUT_NUMBER.lastIndex = start;
    return this.#at < this.#text.length && CUT_NUMBER.test(this.#text);
  }

  /** Stops in a word that is no value, or whose end is missing. */
  #stopInWord(start: number): void {
    CUT_NUMBER.lastIndex = start;
    const rest = this.#text.slice(start, start + 8);
    const isCut = LITERALS.some(([word]) => word.startsWith(rest)) || CUT_NUMBER.test(this.#text);
    if (isCut) this.#at = this.#text.length;
    this.#stop(isCut ? 'it ends too early' : 'unexpected character');
  }

  #enter(frame: Frame, expected: Expected): void {
    if (this.#open.length >= this.#bounds.maxDepth) {
      this.#refuse(tooDeep(this.#bounds.levels), this.#at);
      return;
    }
    this.#at++;
    this.#open.push(frame);
    this.#expected = expected;
  }

  #close(): void {
    const frame = this.#open.pop();
    this.#at++;
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

  /** Reads a string; `null` if it does not end or has a character that JSON does not allow, which stops the reading. */
  #string(): string | null {
    const start = this.#at++;
    let hasEscapes = false;
    for (;;) {
      this.#take(PLAIN);
      const char = this.#text[this.#at];
      if (char === '"') break;
      const hasEscape = char === '\\' && this.#take(ESCAPE) !== '';
      hasEscapes ||= hasEscape;
      if (hasEscape) continue;
      CUT_ESCAPE.lastIndex = this.#at;
      const isCut = char === undefined || CUT_ESCAPE.test(this.#text);
      if (isCut) this.#at = this.#text.length;
      this.#stop(isCut ? 'it ends too early' : 'unexpected character');
      return null;
    }
    this.#at++;
    const text = this.#text.slice(start + 1, this.#at - 1);
    return hasEscapes ? String(JSON.parse(`"${text}"`)) : text;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [taken = ''] = pattern.exec(this.#text) ?? [];
    this.#at += taken.length;
    return taken;
  }

  #fault(what: string, at: number): void {
    this.#faults.push({ path: pathOf(this.#open, this.#bounds.root), at, what });
    if (this.#faults.length >= MAX_FAULTS) this.#expected = 'nothing';
  }

  #refuse(what: string, at: number): void {
    this.#fault(what, at);
    this.#expected = 'nothing';
  }

  #stop(what: string): void {
    if (this.#expected === 'nothing') return;
    this.#syntax = { path: pathOf(this.#open, this.#bounds.root), at: this.#at, what };
    this.#expected = 'nothing';
  }
}

function pathOf(open: readonly Frame[], root: string): string {
  return open.reduce(
    (path, frame) => ('items' in frame ? `${path}[${frame.items.length}]` : fieldPath(path, frame.key)),
    root,
  );
}
