/** Cuts text to at most `max` characters, ending a cut one in `…`. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, Math.max(0, max - 1))}…`;
}

/** The longest text that is told back to who wrote it; a key is longer. */
const QUOTED_CHARS = 24;

/** A word in quotes, as it was given; of a longer text only how long it is, because it may be a key in the wrong place. */
export function quoted(text: string): string {
  return text.length <= QUOTED_CHARS ? JSON.stringify(text) : `a text of ${text.length} characters`;
}

/** Text without what a terminal would obey instead of show: every control character but line breaks and tabs. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, '');
}

/** Printable text on one line. */
export function oneLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, ' '));
}

/** Size of the text in UTF-8 bytes. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
