import { batchIdOf as deriveBatchId, isBatchId, taskIdOf as nameTask } from '../base/ids.ts';
import { BatchOptions } from '../contract/batch.ts';
import { batchInvalid } from '../contract/findings.ts';
import { MAX_TASKS } from '../contract/limits.ts';
import { typeOf } from '../contract/plain-json.ts';
import { textIn } from './arguments.ts';
import { notFound } from './missing.ts';

/**
 * Returns the id of the batch that is enqueued with this `idempotency_key`, before or after `enqueue`. One key has one id in
 * every deployment.
 * @throws ErrandError `BATCH_INVALID` for a key that `enqueue` refuses.
 */
export function batchIdOf(idempotencyKey: string): string {
  const isText = typeof idempotencyKey === 'string' && idempotencyKey.isWellFormed();
  if (isText && BatchOptions.shape.idempotency_key.unwrap().safeParse(idempotencyKey).success)
    return deriveBatchId(idempotencyKey);
  const message = 'expected a text of 1 to 200 whole characters';
  throw batchInvalid([{ path: 'idempotency_key', message }]);
}

/**
 * Returns the id of the task with this index, from 0, of a batch.
 * @throws ErrandError `NOT_FOUND` if no batch can have this id, or no task this index.
 */
export function taskIdOf(batchId: string, index: number): string {
  if (!isBatchId(textIn(batchId))) throw notFound(batchId);
  if (!Number.isInteger(index) || index < 0 || index >= MAX_TASKS) {
    throw notFound(`${batchId}-${typeof index === 'number' ? index : typeOf(index)}`);
  }
  return nameTask(batchId, index);
}
