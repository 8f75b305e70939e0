import { YAMLParseError } from 'yaml';
import { messageOf } from '../errors.ts';

/** A place in a text, as editors count: from 1. `null` where it is not known. */
export type Place = { line: number; column: number };

/** What is wrong with a text that does not parse, without a word of it: it may hold a key. */
export type SyntaxFault = { what: string; place: Place | null };

/** Where text that does not parse stops being JSON. What the parser says quotes the text, and often names no place. */
export function jsonFault(text: string): SyntaxFault {
  if (couldGoOn(text)) return { what: 'it ends too early', place: placeOf(text) };
  let fits = 0;
  let fails = text.length;
  while (fails - fits > 1) {
    const middle = (fits + fails) >>> 1;
    if (couldGoOn(text.slice(0, middle))) fits = middle;
    else fails = middle;
  }
  return { what: 'unexpected character', place: placeOf(text.slice(0, fits)) };
}

/** What the parser of YAML found, in the words of its code. */
export function yamlFault(error: unknown): SyntaxFault {
  if (!(error instanceof YAMLParseError)) return { what: 'unresolved alias', place: null };
  const [start] = error.linePos ?? [];
  return {
    what: error.code.toLowerCase().replaceAll('_', ' '),
    place: start ? { line: start.line, column: start.col } : null,
  };
}

/** A fault in one piece of text: `duplicate key at line 2, column 1`. */
export function faultText({ what, place }: SyntaxFault): string {
  return place ? `${what} at line ${place.line}, column ${place.column}` : what;
}

/** Whether a beginning is JSON so far: the parser misses only what would come next. */
function couldGoOn(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const message = messageOf(error);
    if (/^Unexpected end|^Unterminated string/.test(message)) return true;
    return Number(/at position (\d+)/.exec(message)?.[1] ?? -1) >= beginning.length;
  }
}

function placeOf(before: string): Place {
  const lines = before.split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}
