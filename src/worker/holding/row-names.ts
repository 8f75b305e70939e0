import { hash } from 'node:crypto';
import { join } from 'node:path';
import { parseTaskId } from '../../base/ids.ts';
import { ResponseId } from '../../contract/checkpoint.ts';
import type { LedgerRow } from '../../contract/cleanup.ts';
import { parseRef } from '../../processes/process-identity.ts';
import type { ResponseMark } from '../../providers/model.ts';
import type { OpenRow } from '../../records/worker-records.ts';

/**
 * The values, beside task and epoch, from which the names of resources are derived. They come from the configuration of this
 * worker and never from Redis.
 */
export type Deployment = { prefix: string; workspaceRoot: string };

/** The directory of one attempt. Its row may name no other directory. */
export function workspacePathOf({ workspaceRoot }: Deployment, taskId: string, epoch: number): string {
  return join(workspaceRoot, `${taskId}.${epoch}`);
}

/**
 * The tag that every process of a row carries in its environment. It names the deployment too, by a hash: two deployments on
 * one machine may have tasks with the same id, because ids derive from idempotency keys.
 */
export function processTagOf({ prefix, workspaceRoot }: Deployment, taskId: string, rowId: string): string {
  return `${hashOf(`${prefix}\0${workspaceRoot}`)}:${taskId}/${rowId}`;
}

/**
 * The metadata that the provider stores with a background response, as proof of the deployment and task that asked for it.
 */
export function responseMarkOf({ prefix }: Pick<Deployment, 'prefix'>, taskId: string): ResponseMark {
  return { errand_deployment: hashOf(prefix), errand_task: taskId };
}

/** Takes less than a microsecond, so it is not kept. */
function hashOf(deployment: string): string {
  return hash('sha256', deployment).slice(0, 16);
}

/**
 * The id of a ledger row. The id of a process row ends in a number from 1 instead, because its reference contains the tag,
 * which is made from the id.
 */
export function rowIdOf({ epoch, kind, ref }: Pick<LedgerRow, 'epoch' | 'kind' | 'ref'>): string {
  return `${epoch}.${kind}.${kind === 'response' ? responsePartsOf(ref).id : ref}`;
}

/** Reads the provider and the id of a response from its reference. */
export function responsePartsOf(ref: string): { provider: string; id: string } {
  const cut = ref.indexOf('/');
  return { provider: ref.slice(0, cut), id: ref.slice(cut + 1) };
}

/**
 * Says why a row must not be acted on, or `null` if its names follow from its task and epoch.
 *
 * Rows come from Redis. A writer of Redis must not be able to name a directory, a process or a response outside this
 * deployment, so each name is computed again and compared. Proof that only the resource itself can give (the tag of a
 * process, the mark of a response) is checked when it is released.
 */
export function whyNotBelieved({ taskId, id, row }: OpenRow, deployment: Deployment): string | null {
  if (parseTaskId(taskId) === null) return 'its task id is invalid';
  const isProcess = row.kind === 'process';
  const isNamed = isProcess ? new RegExp(`^${row.epoch}\\.process\\.\\d{1,9}$`).test(id) : id === rowIdOf(row);
  if (!isNamed) return 'its id does not match its epoch, kind and ref';
  if (row.kind === 'workspace' && row.ref !== workspacePathOf(deployment, taskId, row.epoch)) {
    return 'its directory is not the one of worker.workspace_root, its task and its epoch';
  }
  if (isProcess && parseRef(row.ref).tag !== processTagOf(deployment, taskId, id)) {
    return 'its tag is not that of its task, row and deployment';
  }
  if (row.kind === 'response' && !ResponseId.safeParse(responsePartsOf(row.ref).id).success) {
    return 'it names no response id';
  }
  return null;
}
