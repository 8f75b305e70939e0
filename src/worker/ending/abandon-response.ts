import { isoNow } from '../../base/clock.ts';
import type { BackgroundResponse } from '../../contract/checkpoint.ts';
import type { CleanupStep } from '../../contract/cleanup.ts';
import { isErrandError } from '../../errors.ts';
import type { Row } from '../../records/row.ts';
import { RESPONSE, responseRef, responseRowId } from '../holding/response-kind.ts';
import type { TaskDeps } from '../task-deps.ts';

/** The dependencies of cancelling a response. */
export type AbandonDeps = Pick<TaskDeps, 'records' | 'releasers' | 'reclaim' | 'self'>;

/**
 * Cancels the background response of a task that ends without it, and returns the steps for its cleanup record. If the
 * provider does not answer, the row stays open, and the sweeps try again. `epoch` is the newest epoch of the task. A
 * response of a task with a newer epoch, or with its outcome, is left alone.
 *
 * Before that, the ledger has no row for the response, because the response belongs to the task and not to one attempt:
 * reclaiming the rows of a dead worker would cancel a response that the next attempt continues.
 */
export async function abandonResponse(
  response: BackgroundResponse | null,
  { taskId, epoch }: { taskId: string; epoch: number },
  deps: AbandonDeps,
): Promise<CleanupStep[]> {
  if (response === null) return [];
  const row = rowOf(response, taskId, deps.self.instance);
  try {
    await deps.records.hold(taskId, epoch, [row]);
  } catch (error) {
    if (isErrandError(error, 'ATTEMPT_SUPERSEDED')) return [];
    throw error;
  }
  const step = await deps.releasers.release(row, 'owner');
  if (step.status === 'open') deps.reclaim.scheduleLook();
  return [step];
}

/** Cancels a response that no other worker knows, because its record was refused. */
export async function cancelUnknown(
  response: BackgroundResponse,
  taskId: string,
  deps: AbandonDeps,
): Promise<CleanupStep> {
  return deps.releasers.release(rowOf(response, taskId, deps.self.instance), 'owner');
}

function rowOf(response: BackgroundResponse, taskId: string, owner: string): Row {
  const at = isoNow();
  const named = { kind: RESPONSE, ref: responseRef(response), epoch: response.epoch, owner };
  const entry = { status: 'acquired', ...named, intent_at: at, acquired_at: at } as const;
  return { taskId, id: responseRowId(response), entry };
}
