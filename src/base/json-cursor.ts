import type { Place } from './place.ts';

/** The maximum number of characters that are passed at once, so that each call takes microseconds. */
const PIECE = 16_384;

const [TAB, LF, CR, SPACE] = [9, 10, 13, 32];

/** A position in a text of JSON that knows its line. Line breaks stand between the values only. */
export class JsonCursor {
  readonly text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The position: the index of the next character. */
  get at(): number {
    return this.#at;
  }

  /** The character at the position; `undefined` at the end. */
  get char(): string | undefined {
    return this.text[this.#at];
  }

  /** Passes a piece of white space; returns whether there may be more. */
  skipSpaces(): boolean {
    const end = Math.min(this.#at + PIECE, this.text.length);
    for (; this.#at < end; this.#at++) {
      const code = this.text.charCodeAt(this.#at);
      if (code === SPACE || code === TAB) continue;
      if (code !== LF && code !== CR) return false;
      // Lines end with CRLF, CR or LF.
      if (code === CR || this.text.charCodeAt(this.#at - 1) !== CR) this.#line++;
      this.#lineStart = this.#at + 1;
    }
    return end < this.text.length;
  }

  /** Passes `count` characters of the current line; returns the position before. */
  pass(count = 1): number {
    const before = this.#at;
    this.#at = Math.min(before + count, this.text.length);
    return before;
  }

  /** Passes the match of a sticky pattern; returns whether it matches here. */
  take(pattern: RegExp): boolean {
    const isTaken = this.fits(pattern);
    if (isTaken) this.#at = pattern.lastIndex;
    return isTaken;
  }

  /** Tells whether a sticky pattern matches here, or at the index `at`. */
  fits(pattern: RegExp, at = this.#at): boolean {
    pattern.lastIndex = at;
    return pattern.test(this.text);
  }

  /** The place of an index in the current line. */
  place(at = this.#at): Place {
    return { line: this.#line, column: at - this.#lineStart + 1 };
  }
}
