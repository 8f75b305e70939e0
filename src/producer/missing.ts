import { isBatchId, parseTaskId } from '../base/ids.ts';
import { clip } from '../base/text.ts';
import { ErrandError } from '../errors.ts';

const EXAMPLE = 'b1m8gcbps9xv6raxtq8p4b';

/** Returns the error for an id without a record. It says so if the text cannot be an id. */
export function notFound(id: string): ErrandError {
  const message = `no batch or task with id "${clip(id, 60)}"`;
  if (isBatchId(id) || parseTaskId(id) !== null) return new ErrandError('NOT_FOUND', message);
  const remedy = `Copy the id that "errand enqueue" printed, or find it in the board ("errand board"). An id looks like ${EXAMPLE}.`;
  return new ErrandError('NOT_FOUND', `${message}: this is not the form of an id`, { remedy });
}

/** Returns the error for a batch id without a record. For the id of a task it names the id of its batch. */
export function noBatch(id: string): ErrandError {
  const task = parseTaskId(id);
  if (task === null) return notFound(id);
  const remedy = `Pass the id of its batch: ${task.batchId}.`;
  return new ErrandError('NOT_FOUND', `expected the id of a batch; got "${id}", the id of a task`, { remedy });
}

/** Returns the error for a batch that has records but no job in the queue. */
export function removed(batchId: string): ErrandError {
  const message = `the job of batch ${batchId} was removed from the queue, so the batch never settles`;
  const remedy =
    'Enqueue the batch again: with its idempotency key, only its missing tasks run. Find the person or program that removes jobs from the queue.';
  return new ErrandError('BATCH_LOST', message, { remedy, batchId });
}

/** Returns the error for a batch that has a receipt but no record. */
export function lost(batchId: string): ErrandError {
  return new ErrandError('BATCH_LOST', `batch ${batchId} no longer exists: its records expired or were deleted`);
}
