/** A place in a text, as editors count: lines and columns from 1. */
export type Place = { line: number; column: number };

const BREAK = /\r\n|\r|\n/g;

/** Returns the place of the UTF-16 unit at an index of the text. Lines end with CRLF, CR or LF. */
export function placeIn(text: string, at: number): Place {
  const before = text.slice(0, at);
  let line = 1;
  let lineStart = 0;
  BREAK.lastIndex = 0;
  for (; BREAK.test(before); line++) lineStart = BREAK.lastIndex;
  return { line, column: before.length - lineStart + 1 };
}
