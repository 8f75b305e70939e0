/** Tells whether the UTF-16 unit at `at` is the second half of a surrogate pair. */
function isInsideCharacter(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xff_ff;
}

/**
 * Cuts text to at most `max` UTF-16 units, at the end of a character. All cuts of text use this function, because
 * strict readers of JSON refuse half a character.
 */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = Math.max(0, max);
  return text.slice(0, isInsideCharacter(text, end) ? end - 1 : end);
}

/** Cuts text to at most `max` bytes of UTF-8, at the end of a character. Half characters become `U+FFFD`. */
export function cutBytes(text: string, max: number): string {
  const bytes = Buffer.from(cut(text, max).toWellFormed());
  let end = Math.max(0, Math.min(max, bytes.length));
  while (end < bytes.length && end > 0 && isContinuation(bytes[end])) end--;
  return bytes.toString('utf8', 0, end);
}

/** Tells whether a byte of UTF-8 continues a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && byte >> 6 === 0b10;
}

/** Cuts text into pieces of at most `max` UTF-16 units; `max` must be 2 or more. The joined pieces equal the text. */
export function piecesOf(text: string, max: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const piece = cut(text.slice(at, at + max + 1), max);
    pieces.push(piece);
    at += piece.length;
  }
  return pieces;
}

/** Cuts text to at most `max` UTF-16 units. A text that was cut ends in `…`. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${cut(text, max - 1)}…`;
}

/**
 * Replaces each half of a character in the texts of a JSON value, field names included, by `U+FFFD`. Returns a value
 * without half characters unchanged.
 */
export function wellFormed<T>(value: T): T;
export function wellFormed(value: unknown): unknown {
  return hasWholeTexts(value) ? value : withWholeTexts(value);
}

/**
 * Tells whether no text in a JSON value has half a character. It makes no copy, because it runs for every request and
 * turn.
 */
function hasWholeTexts(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(hasWholeTexts);
  for (const name of Object.keys(value)) {
    if (!name.isWellFormed() || !hasWholeTexts(Reflect.get(value, name))) return false;
  }
  return true;
}

function withWholeTexts(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withWholeTexts);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name.toWellFormed(), withWholeTexts(field)]));
}

/** The maximum length of a text that a message quotes. Keys are longer. */
const QUOTED_CHARS = 24;

/** Quotes a word. Returns only the length of a longer text, because it may be a key in the wrong place. */
export function quoted(text: string): string {
  return text.length <= QUOTED_CHARS ? JSON.stringify(text) : `a text of ${text.length} characters`;
}

/**
 * Characters that a terminal or a page obeys instead of showing: control characters, overrides of the writing
 * direction, zero-width characters except the two joiners, and separators of lines and paragraphs. Not line breaks and
 * tabs.
 */
const OBEYED = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Colours and weights (SGR), the only control sequences in our own texts. */
const STYLE = new RegExp(`(${String.fromCharCode(27)}\\[[\\d;]*m)`);

/** Removes the characters that a terminal would obey instead of showing. Line breaks and tabs stay. */
export function printable(text: string): string {
  return text.replaceAll(OBEYED, '');
}

/**
 * Makes one printable line of a text from outside. Every such text goes through this function before a person reads it.
 */
export function oneLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, ' '));
}

/** Like {@link printable}, but keeps colours and weights. For whole texts that Errand has styled. */
export function printableStyled(text: string): string {
  const parts = text.split(STYLE);
  return parts.map((part) => (STYLE.test(part) ? part : printable(part))).join('');
}

/**
 * Returns a value as JSON on one line, with escapes for characters that a terminal obeys. Parsing returns the same
 * value.
 */
export function jsonLine(value: unknown): string {
  return printableJson(JSON.stringify(value));
}

/**
 * Replaces characters that a terminal obeys by JSON escapes. Takes whole JSON, where only strings can hold such
 * characters.
 */
export function printableJson(json: string): string {
  return json.replaceAll(OBEYED, (char) =>
    [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

/** A number with its noun: `1 task`, `2 tasks`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Size of the text in UTF-8 bytes. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Tells whether the text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
