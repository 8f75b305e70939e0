import { ErrorCode } from 'bullmq';

/**
 * The errors of BullMQ for a move of a job that this worker does not own. See
 * docs/internals/bullmq.md#a-move-needs-the-lock.
 */
const NOT_OURS: ReadonlySet<unknown> = new Set([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

/** Whether the queue refused to move a job because another worker owns it, or no worker does. */
export function isNotOurs(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && NOT_OURS.has(error.code);
}
