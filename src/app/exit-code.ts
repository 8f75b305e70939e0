import { oneLine } from '../base/text.ts';
import { type ErrandError, FAILURES, type FailureCode, isErrandError, messageOf } from '../errors.ts';

/** What a command ends with: all succeeded, some task failed, bad input or refused, Redis unreachable. */
export const EXIT = { ok: 0, failed: 1, refused: 2, redisAway: 3, interrupted: 130 } as const;

/** Codes that end a command with something else than {@link EXIT}`.refused`. */
const OTHERS: { [code in FailureCode]?: number } = {
  REDIS_UNAVAILABLE: EXIT.redisAway,
  REDIS_FULL: EXIT.redisAway,
  BATCH_LOST: EXIT.failed,
  ENQUEUE_INCOMPLETE: EXIT.failed,
  // The other process may end soon: a supervisor should start this one again.
  ADDRESS_IN_USE: EXIT.failed,
  INTERNAL: EXIT.failed,
};

/** Turns anything thrown into what the person at the terminal reads and the exit code. */
export function errorTextOf(error: unknown): { text: string; exitCode: number } {
  if (isErrandError(error)) return { text: textOf(error), exitCode: OTHERS[error.code] ?? EXIT.refused };
  const trace = error instanceof Error ? error.stack : messageOf(error);
  return { text: `INTERNAL: ${trace}\n  ${FAILURES.INTERNAL.remedy}`, exitCode: EXIT.failed };
}

function textOf({ code, message, problems, warnings, remedy }: ErrandError): string {
  const found = problems.map((problem) => oneLine(`${problem.path || 'batch'}: ${problem.message}`));
  const read = warnings.map((warning) => oneLine(`warning: ${warning}`));
  const head = found.length > 0 ? FAILURES[code].means : message;
  const mend = head.includes(remedy) ? [] : [`  ${oneLine(remedy)}`];
  return [`${code}: ${oneLine(head)}`, ...[...found, ...read].map((line) => `  ${line}`), ...mend].join('\n');
}
