import { isUtf8 } from 'node:buffer';
import { placeIn } from '../../base/place.ts';
import type { ErrandError } from '../../errors.ts';
import { batchFileInvalid } from './refusal.ts';

type Encoding = 'UTF-8' | 'UTF-16LE' | 'UTF-16BE' | 'UTF-32';

/** Byte order marks, longer marks first: the mark of UTF-32LE begins with the mark of UTF-16LE. */
const MARKS: readonly (readonly [Encoding, readonly number[]])[] = [
  ['UTF-32', [0xff, 0xfe, 0, 0]],
  ['UTF-32', [0, 0, 0xfe, 0xff]],
  ['UTF-8', [0xef, 0xbb, 0xbf]],
  ['UTF-16LE', [0xff, 0xfe]],
  ['UTF-16BE', [0xfe, 0xff]],
];
/**
 * Encodings without a byte order mark, by the zeros among the first four bytes: a batch begins with two ASCII
 * characters (RFC 4627, section 3).
 */
const ZEROS: Readonly<Record<string, string>> = {
  '.0.0': 'UTF-16LE',
  '0.0.': 'UTF-16BE',
  '.000': 'UTF-32LE',
  '000.': 'UTF-32BE',
};
/** The number of bytes that are checked at a time when looking for the first wrong byte of UTF-8. */
const PIECE = 4096;

/**
 * Decodes a batch file: UTF-8 with or without a byte order mark, or UTF-16 with one. No byte is replaced.
 *
 * @throws ErrandError `BATCH_INVALID` for any other encoding, with the byte and its line.
 */
export function textOfBytes(bytes: Buffer, label: string): string {
  const [encoding, mark] = MARKS.find(([, bom]) => bom.every((byte, at) => bytes[at] === byte)) ?? ['UTF-8', []];
  if (encoding === 'UTF-32') throw wrong(label, 'is UTF-32, expected UTF-8', iconv(label, 'UTF-32'));
  const unmarked = mark.length > 0 ? undefined : unmarkedEncoding(bytes);
  if (unmarked !== undefined) {
    throw wrong(label, `is ${unmarked} without a byte order mark, expected UTF-8`, iconv(label, unmarked));
  }
  const body = bytes.subarray(mark.length);
  const text = encoding === 'UTF-8' ? utf8(body, mark.length, label) : utf16(body, encoding, label);
  const nul = text.indexOf('\0');
  if (nul < 0) return text;
  const { line, column } = placeIn(text, nul);
  const hint = encoding === 'UTF-8' ? '; it may be UTF-16 without a byte order mark' : '';
  const remedy = `Save ${label} as UTF-8. If the NUL belongs to the batch, write it as the escape \\u0000.`;
  throw wrong(label, `has a NUL at line ${line}, column ${column}${hint}`, remedy);
}

function unmarkedEncoding(bytes: Buffer): string | undefined {
  const zeros = [...bytes.subarray(0, 4)].map((byte) => (byte === 0 ? '0' : '.')).join('');
  return Object.hasOwn(ZEROS, zeros) ? ZEROS[zeros] : undefined;
}

function utf8(body: Buffer, offset: number, label: string): string {
  if (isUtf8(body)) return body.toString('utf8');
  const at = firstWrongByte(body);
  const { line } = placeIn(body.subarray(0, at).toString('utf8'), Number.POSITIVE_INFINITY);
  const byte = `0x${(body[at] ?? 0).toString(16).toUpperCase()}`;
  const place = `byte ${byte} at offset ${offset + at}, line ${line}`;
  if (isCutCharacter(body, at)) {
    throw wrong(
      label,
      `is not UTF-8: it ends in the middle of a character, ${place}`,
      `Create ${label} again: its end is missing.`,
    );
  }
  const remedy = iconv(label, 'WINDOWS-1252');
  throw wrong(label, `is not UTF-8: ${place}; it may be Latin-1 (ISO-8859-1 or Windows-1252)`, remedy);
}

/** Returns the position of the first byte that is not UTF-8. There must be one. */
function firstWrongByte(bytes: Buffer): number {
  let good = 0;
  for (;;) {
    // A piece may end in the middle of a character. Then a piece that is up to three bytes shorter is whole.
    const ends = [0, 1, 2, 3].map((less) => good + PIECE - less);
    const end = ends.find((to) => to < bytes.length && isUtf8(bytes.subarray(good, to)));
    if (end === undefined) break;
    good = end;
  }
  while (isUtf8(bytes.subarray(good, good + lengthAt(bytes, good)))) good += lengthAt(bytes, good);
  return good;
}

/** Returns the length of the character that begins with this byte; 1 if no character can begin with it. */
function lengthAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0;
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}

/** Tells whether the last bytes are an incomplete character. */
function isCutCharacter(bytes: Buffer, at: number): boolean {
  const rest = bytes.subarray(at);
  const first = rest[0] ?? 0;
  const isLead = first >= 0xc2 && first <= 0xf4 && rest.length < lengthAt(bytes, at);
  return isLead && rest.subarray(1).every((byte) => (byte & 0xc0) === 0x80);
}

function utf16(body: Buffer, encoding: Encoding, label: string): string {
  const even = body.subarray(0, body.length - (body.length % 2));
  const text = (encoding === 'UTF-16LE' ? even : Buffer.from(even).swap16()).toString('utf16le');
  if (even.length !== body.length) {
    const { line } = placeIn(text, text.length);
    throw wrong(
      label,
      `is not ${encoding}: it ends in the middle of a character, line ${line}`,
      `Create ${label} again: its end is missing.`,
    );
  }
  const half = text.search(/\p{Surrogate}/u);
  if (half < 0) return text;
  const { line } = placeIn(text, half);
  const what = `is not ${encoding}: half of a surrogate pair at offset ${2 + 2 * half}, line ${line}`;
  throw wrong(label, what, iconv(label, encoding));
}

function iconv(label: string, from: string): string {
  return `Save it as UTF-8, for example with: iconv -f ${from} -t UTF-8 ${label}`;
}

function wrong(label: string, what: string, remedy: string): ErrandError {
  return batchFileInvalid(label, what, remedy);
}
