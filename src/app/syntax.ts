import { YAMLParseError } from 'yaml';
import type { Place } from '../base/place.ts';

/** A syntax error of a text. It quotes nothing, because the text may contain a key. */
export type SyntaxFault = { what: string; place: Place | null };

/** Describes an error of the YAML parser in words. */
export function yamlFault(error: unknown): SyntaxFault {
  if (!(error instanceof YAMLParseError)) return { what: 'unresolved alias', place: null };
  const [start] = error.linePos ?? [];
  return {
    what: yamlWords(error),
    place: start ? { line: start.line, column: start.col } : null,
  };
}

/** Words for error codes that do not say what to write. */
const YAML_WORDS = new Map([
  ['MISSING_CHAR', 'expected a character such as ":", a quote or a bracket; check the indentation'],
  ['BLOCK_AS_IMPLICIT_KEY', 'expected one value; quote a text that has ": " in it'],
  ['BAD_SCALAR_START', 'the text begins with a special character of YAML; quote the text'],
]);

/**
 * Puts an error code of the YAML parser into words: `DUPLICATE_KEY` is "duplicate key". The message would quote the
 * text.
 */
export function yamlWords({ code }: { code: string }): string {
  const words = YAML_WORDS.get(code);
  if (words !== undefined) return words;
  return code.toLowerCase().replaceAll('_', ' ');
}

/** Formats a fault: `duplicate key at line 2, column 1`. */
export function faultText({ what, place }: SyntaxFault): string {
  return place ? `${what} at line ${place.line}, column ${place.column}` : what;
}
