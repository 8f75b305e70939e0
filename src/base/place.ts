/** A place in a text, as editors count: lines and columns from 1. */
export type Place = { line: number; column: number };

/** Returns the place of the UTF-16 unit at an index of the text. Lines end with CRLF, CR or LF. */
export function placeIn(text: string, at: number): Place {
  const before = text.slice(0, at);
  let line = 1;
  let lineStart = 0;
  for (const lineBreak of before.matchAll(/\r\n|\r|\n/g)) {
    line += 1;
    lineStart = lineBreak.index + lineBreak[0].length;
  }
  return { line, column: before.length - lineStart + 1 };
}
