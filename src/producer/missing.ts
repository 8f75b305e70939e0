import { clip } from '../base/text.ts';
import { ErrandError } from '../errors.ts';

/** The error of an id that no record has. */
export function notFound(id: string): ErrandError {
  return new ErrandError('NOT_FOUND', `"${clip(id, 60)}" is on record neither as a batch nor as a task`);
}

/** The error of a batch whose records are there and whose job is not. */
export function removed(batchId: string): ErrandError {
  const message = `the job of batch ${batchId} was removed from the queue, so the batch never settles`;
  const remedy =
    'Enqueue the batch again: with its idempotency key its missing tasks run. Look for a person or a program that removes jobs from the queue.';
  return new ErrandError('BATCH_LOST', message, { remedy, batchId });
}

/** The error of a batch that was there, as its receipt shows, and has no record. */
export function lost(batchId: string): ErrandError {
  return new ErrandError('BATCH_LOST', `batch ${batchId} no longer exists: its records expired or were deleted`);
}
