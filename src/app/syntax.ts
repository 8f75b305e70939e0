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

/** The codes of the parser whose own words do not say what to write. */
const YAML_WORDS = new Map([
  ['MISSING_CHAR', 'expected a character such as ":", a quote or a bracket; check the indentation'],
  ['BLOCK_AS_IMPLICIT_KEY', 'expected one value; quote a text that has ": " in it'],
  ['BAD_SCALAR_START', 'a text that begins with a character of YAML; quote the text'],
]);

/** The code of a parser of YAML in words: `DUPLICATE_KEY` is "duplicate key". Its message would quote the text. */
export function yamlWords({ code }: { code: string }): string {
  const words = YAML_WORDS.get(code);
  if (words !== undefined) return words;
  return code.toLowerCase().replaceAll('_', ' ');
}

/** A fault in one piece of text: `duplicate key at line 2, column 1`. */
export function faultText({ what, place }: SyntaxFault): string {
  return place ? `${what} at line ${place.line}, column ${place.column}` : what;
}
