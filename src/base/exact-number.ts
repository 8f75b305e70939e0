import { clip } from './text.ts';

/** A number with a longer text is never stored exactly. */
const MAX_CHARS = 400;
/** The maximum number of digits that every double keeps. */
const SAFE_CHARS = 15;
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * Tells whether JSON can carry a number unchanged: finite, and no whole number beyond 2^53 - 1, whose neighbours are
 * the same double (RFC 7493, section 2.2).
 */
export function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

/** Describes a number that is not exact. `got`: the text of the number. */
export function inexactText(got: string): string {
  return `expected a number that is stored exactly, got ${clip(got, 40)}; quote it as a string`;
}

/**
 * Reads the text of a JSON number. Numbers are the same if their values are: `1.0` is 1, and `-0` is 0. Returns `null`
 * if the stored number would have another value: a whole number beyond 2^53 - 1, more digits than a double keeps,
 * `1e400`.
 */
export function exactNumber(text: string): number | null {
  if (text.length > MAX_CHARS) return null;
  const value = Number(text);
  if (!isExact(value)) return null;
  if (text.length > SAFE_CHARS || /e/i.test(text)) {
    if (canonical(text) !== canonical(String(value))) return null;
  }
  return value === 0 ? 0 : value;
}

/** One spelling for each decimal value: sign, digits without zeros around them, power of ten. */
function canonical(text: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] = DECIMAL.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  if (short === '') return '0';
  return `${sign}${short}e${Number(power) - fraction.length + digits.length - short.length}`;
}
