import { MAX_DEPTH } from '../base/foreign.ts';
import { ErrandError } from '../errors.ts';

/** The maximum number of values in one reply. Copying millions of short values stops the process for seconds. */
export const MAX_VALUES = 32_768;

/** JSON up to this length cannot have too many values, so it is not scanned. */
const UNCHECKED_CHARS = 64 * 1024;

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Parses the JSON of a provider. Checks the limits of its structure before parsing, because the provider chooses the
 * structure.
 * @throws SyntaxError for text that is not JSON or is nested too deep, ErrandError `PROVIDER_REPLY_TOO_LARGE`.
 */
export function parseBounded(text: string): unknown {
  if (text.length > UNCHECKED_CHARS) assertBounded(text);
  return JSON.parse(text);
}

/** Reads each character once. @throws as {@link parseBounded}. */
export function assertBounded(text: string): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COMMA) values += 1;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth += 1;
      values += 1;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1;
    if (depth > MAX_DEPTH) throw new SyntaxError(`JSON nested deeper than ${MAX_DEPTH} levels`);
    if (values <= MAX_VALUES) continue;
    throw new ErrandError('PROVIDER_REPLY_TOO_LARGE', `JSON of more than ${MAX_VALUES} values`);
  }
}

/** The position of the quote that ends a string, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}
