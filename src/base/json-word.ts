import { exactNumber, inexactText } from './exact-number.ts';
import type { JsonCursor } from './json-cursor.ts';

/**
 * The result of reading a literal or a number. `cut`: its end is missing; `long`: it is too long to read to its end.
 */
export type Word =
  | { status: 'read'; value: unknown }
  | { status: 'inexact'; what: string }
  | { status: 'long'; what: string }
  | { status: 'cut' }
  | { status: 'none' };

/** A number with more characters has no exact value. */
const MAX_NUMBER_CHARS = 1_000;
const LONG_NUMBER = new RegExp(`[-+.\\deE]{${MAX_NUMBER_CHARS + 1}}`, 'y');
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const CUT_NUMBER = /-?(?:(?:0|[1-9]\d*)(?:\.|(?:\.\d+)?[eE][+-]?)?)?$/y;
const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** Reads `true`, `false`, `null` or a number; the cursor passes what was read. */
export function readWord(cursor: JsonCursor): Word {
  const { text, at: start } = cursor;
  const literal = LITERALS.find(([word]) => text.startsWith(word, start));
  if (literal) {
    cursor.pass(literal[0].length);
    return { status: 'read', value: literal[1] };
  }
  if (cursor.fits(LONG_NUMBER)) return { status: 'long', what: inexactText(text.slice(start, start + 50)) };
  cursor.take(NUMBER);
  const number = text.slice(start, cursor.at);
  const isCutNumber = cursor.at < text.length && cursor.fits(CUT_NUMBER, start);
  if (number !== '' && !isCutNumber) {
    const value = exactNumber(number);
    return value === null ? { status: 'inexact', what: inexactText(number) } : { status: 'read', value };
  }
  const rest = text.slice(start, start + 8);
  const isCut = LITERALS.some(([word]) => word.startsWith(rest)) || cursor.fits(CUT_NUMBER, start);
  return { status: isCut ? 'cut' : 'none' };
}
