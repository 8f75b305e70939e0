import { YAMLParseError } from 'yaml';
import type { Place } from '../base/place.ts';

/** What is wrong with a text that does not parse, without a word of it: it may hold a key. */
export type SyntaxFault = { what: string; place: Place | null };

/** What the parser of YAML found, in the words of its code. */
export function yamlFault(error: unknown): SyntaxFault {
  if (!(error instanceof YAMLParseError)) return { what: 'unresolved alias', place: null };
  const [start] = error.linePos ?? [];
  return {
    what: yamlWords(error),
    place: start ? { line: start.line, column: start.col } : null,
  };
}

/** The code of a parser of YAML in words: `DUPLICATE_KEY` is "duplicate key". Its message would quote the text. */
export function yamlWords({ code }: { code: string }): string {
  return code.toLowerCase().replaceAll('_', ' ');
}

/** A fault in one piece of text: `duplicate key at line 2, column 1`. */
export function faultText({ what, place }: SyntaxFault): string {
  return place ? `${what} at line ${place.line}, column ${place.column}` : what;
}
