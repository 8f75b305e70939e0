/** A place in a text, as editors count: lines and columns from 1. */
export type Place = { line: number; column: number };

const BREAK = /\r\n|\r|\n/g;

/** Returns the place of the UTF-16 unit at an index of the text. Lines end with CRLF, CR or LF. */
export function placeIn(text: string, at: number): Place {
  const before = text.slice(0, at);
  const breaks = [...before.matchAll(BREAK)];
  const last = breaks.at(-1);
  return { line: breaks.length + 1, column: before.length - (last ? last.index + last[0].length : 0) + 1 };
}
