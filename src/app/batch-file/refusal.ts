import { placeIn } from '../../base/place.ts';
import type { TextFault } from '../../base/text-fault.ts';
import { indexIn } from '../../contract/findings.ts';
import { ErrandError } from '../../errors.ts';

const MAX_LINES_NAMED = 10;

/** Makes the error of a batch file that is refused as a whole. */
export function batchFileInvalid(label: string, what: string, remedy: string): ErrandError {
  return new ErrandError('BATCH_INVALID', `${label}: ${what}`, { remedy });
}

/**
 * A text with its faults. `form`: the name of its syntax. `firstLine`: the line of the file on which the text begins.
 */
export type RefusedText = {
  label: string;
  form: 'JSON' | 'YAML';
  text: string;
  firstLine?: number;
  isSyntax: boolean;
  faults: [TextFault, ...TextFault[]];
};

/**
 * Makes the error of a text that has wrong syntax, or whose values would change: each problem has a path and a line.
 */
export function textRefused({ label, form, text, firstLine = 1, isSyntax, faults }: RefusedText): ErrandError {
  const found = faults.map(({ path, at, place, what }) => {
    const { line, column } = place ?? placeIn(text, at);
    return { path, what, line: line + firstLine - 1, column };
  });
  const [first] = found;
  if (isSyntax && first) {
    const at = `line ${first.line}, column ${first.column}`;
    const path = first.path === '' ? '' : `, in ${first.path}`;
    return batchFileInvalid(
      label,
      `is not ${form}: ${first.what} at ${at}${path}`,
      `Fix line ${first.line} of ${label}.`,
    );
  }
  const problems = found.map(({ path, what, line }) => {
    const index = indexIn(path);
    return { path, message: `${what} (line ${line} of ${label})`, ...(index !== undefined && { index }) };
  });
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const message = `${problems[0]?.path || 'batch'}: ${problems[0]?.message}${more}`;
  const lines = [...new Set(found.map(({ line }) => line))].slice(0, MAX_LINES_NAMED);
  const remedy = `Fix ${lines.length === 1 ? 'line' : 'the lines'} ${lines.join(', ')} of ${label}.`;
  return new ErrandError('BATCH_INVALID', message, { problems, remedy });
}
