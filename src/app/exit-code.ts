import { oneLine } from '../base/text.ts';
import { type ErrandError, FAILURES, type FailureCode, isErrandError, messageOf } from '../errors.ts';

/** The exit codes of commands: success, a task failed, wrong input, Redis unreachable, interrupted. */
export const EXIT = { ok: 0, failed: 1, refused: 2, redisAway: 3, interrupted: 130 } as const;

/** What the exit codes mean, as the help and the docs list them. */
export const EXIT_CODES: readonly { code: number; means: string }[] = [
  { code: EXIT.ok, means: 'success; every finished task succeeded' },
  { code: EXIT.failed, means: 'a task did not succeed, an address is in use, or an unexpected error' },
  { code: EXIT.refused, means: 'wrong usage, configuration or input; the same command would fail again' },
  { code: EXIT.redisAway, means: 'Redis is unreachable or full' },
  { code: EXIT.interrupted, means: 'interrupted' },
];

/** The exit codes of failures that do not exit with {@link EXIT}`.refused`. */
const OTHERS: { [code in FailureCode]?: number } = {
  REDIS_UNAVAILABLE: EXIT.redisAway,
  REDIS_FULL: EXIT.redisAway,
  BATCH_LOST: EXIT.failed,
  ENQUEUE_INCOMPLETE: EXIT.failed,
  // The other process may end soon, so a supervisor should restart this one.
  ADDRESS_IN_USE: EXIT.failed,
  INTERNAL: EXIT.failed,
};

/** The remedy of a batch whose problems are printed above it. */
const FIX_LINES = 'Fix the fields above, then run the command again.';

/** Turns anything thrown into the text for the terminal and the exit code. */
export function errorTextOf(error: unknown): { text: string; exitCode: number } {
  if (isErrandError(error)) return { text: textOf(error), exitCode: OTHERS[error.code] ?? EXIT.refused };
  const trace = error instanceof Error ? error.stack : messageOf(error);
  return { text: `INTERNAL: ${trace}\n  ${FAILURES.INTERNAL.remedy}`, exitCode: EXIT.failed };
}

function textOf({ code, message, problems, warnings, remedy }: ErrandError): string {
  const found = problems.map((problem) => oneLine(`${problem.path || 'batch'}: ${problem.message}`));
  const read = warnings.map((warning) => oneLine(`warning: ${warning}`));
  const head = found.length > 0 ? FAILURES[code].means : message;
  const todo = found.length > 0 && code === 'BATCH_INVALID' && remedy === FAILURES[code].remedy ? FIX_LINES : remedy;
  const fix = head.includes(remedy) ? [] : [`  ${oneLine(todo)}`];
  return [`${code}: ${oneLine(head)}`, ...[...found, ...read].map((line) => `  ${line}`), ...fix].join('\n');
}
