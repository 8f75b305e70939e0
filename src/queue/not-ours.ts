import { ErrorCode } from 'bullmq';

/** What BullMQ answers to a move of a job that is not, or no longer, ours to move. */
const NOT_OURS: ReadonlySet<unknown> = new Set([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

/** Tells whether the queue refused to move a job because it has another owner by now, or none. */
export function isNotOurs(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && NOT_OURS.has(error.code);
}
