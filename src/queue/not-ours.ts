import { ErrorCode } from 'bullmq';

/** The errors of BullMQ for a move of a job that we do not own, or no longer own. */
const NOT_OURS: ReadonlySet<unknown> = new Set([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

/** Tells whether the queue refused to move a job because another worker owns it, or no worker does. */
export function isNotOurs(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && NOT_OURS.has(error.code);
}
