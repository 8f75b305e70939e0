/**
 * Follows a JSON text that arrives in pieces, and reports when its object is closed. It reads each character once, so a text
 * in many short pieces costs no more than a text in one piece.
 */
export class JsonScan {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #isClosed = false;
  #isBroken = false;

  /** Reads the next piece. */
  add(piece: string): void {
    for (let at = 0; at < piece.length && !this.#isBroken; at++) this.#see(piece.charCodeAt(at));
  }

  /** Tells whether the braces of the object are closed, with only white space before and after. */
  get isClosed(): boolean {
    return this.#isClosed && !this.#isBroken;
  }

  #see(code: number): void {
    if (this.#isInString) this.#seeInString(code);
    else if (this.#isClosed || this.#depth === 0) this.#seeOutside(code);
    else if (code === QUOTE) this.#isInString = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) this.#depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      this.#depth -= 1;
      this.#isClosed = this.#depth === 0;
    }
  }

  #seeInString(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (code === BACKSLASH) this.#isEscaped = true;
    else if (code === QUOTE) this.#isInString = false;
  }

  #seeOutside(code: number): void {
    if (code <= SPACE) return;
    if (code === OPEN_BRACE && !this.#isClosed) this.#depth = 1;
    else this.#isBroken = true;
  }
}

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
