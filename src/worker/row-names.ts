import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { parseTaskId } from '../base/ids.ts';
import { ResponseId } from '../contract/checkpoint.ts';
import type { LedgerRow } from '../contract/cleanup.ts';
import { parseRef } from '../processes/process-identity.ts';
import type { ResponseMark } from '../providers/model.ts';
import type { OpenRow } from '../records/worker-records.ts';

/**
 * What the names of resources are derived from, beside task and epoch. It comes from the configuration of this worker and
 * never from Redis.
 */
export type Deployment = { prefix: string; workspaceRoot: string };

/** The directory of one attempt: the only one that its row may name. */
export function workspacePathOf({ workspaceRoot }: Deployment, taskId: string, epoch: number): string {
  return join(workspaceRoot, `${taskId}.${epoch}`);
}

/**
 * The tag that every process of a row carries in its environment. It names the deployment too, by a hash: two deployments
 * on one machine may have tasks of the same id, because ids derive from idempotency keys.
 */
export function processTagOf({ prefix, workspaceRoot }: Deployment, taskId: string, rowId: string): string {
  const deployment = createHash('sha256').update(`${prefix}\0${workspaceRoot}`).digest('hex').slice(0, 16);
  return `${deployment}:${taskId}/${rowId}`;
}

/** What a provider is asked to keep with a background response, as proof of which deployment and task asked for it. */
export function responseMarkOf({ prefix }: Pick<Deployment, 'prefix'>, taskId: string): ResponseMark {
  return { errand_deployment: createHash('sha256').update(prefix).digest('hex').slice(0, 16), errand_task: taskId };
}

/**
 * The id of a ledger row. That of a process ends in a number instead, from 1: its reference has the tag, which is made from
 * the id.
 */
export function rowIdOf({ epoch, kind, ref }: Pick<LedgerRow, 'epoch' | 'kind' | 'ref'>): string {
  return `${epoch}.${kind}.${kind === 'response' ? responsePartsOf(ref).id : ref}`;
}

/** The provider and the id of a response, as its reference names them. */
export function responsePartsOf(ref: string): { provider: string; id: string } {
  const cut = ref.indexOf('/');
  return { provider: ref.slice(0, cut), id: ref.slice(cut + 1) };
}

/**
 * Says why a row must not be acted on, or `null` if what it names is what its task and epoch lead to.
 *
 * Rows come from Redis. Whoever can write there must not be able to name a directory, a process or a response of anybody
 * else, so each name is computed again and compared. What only the resource itself can prove, the tag of a process or the
 * mark of a response, is checked when it is released.
 */
export function whyNotBelieved({ taskId, id, row }: OpenRow, deployment: Deployment): string | null {
  if (parseTaskId(taskId) === null) return 'its task id is invalid';
  const isProcess = row.kind === 'process';
  const isNamed = isProcess ? new RegExp(`^${row.epoch}\\.process\\.\\d{1,9}$`).test(id) : id === rowIdOf(row);
  if (!isNamed) return 'its id does not match its epoch, kind and ref';
  if (row.kind === 'workspace' && row.ref !== workspacePathOf(deployment, taskId, row.epoch)) {
    return 'it names another directory than worker.workspace_root, its task and its epoch lead to';
  }
  if (isProcess && parseRef(row.ref).tag !== processTagOf(deployment, taskId, id)) {
    return 'its tag is not that of its task, row and deployment';
  }
  if (row.kind === 'response' && !ResponseId.safeParse(responsePartsOf(row.ref).id).success) {
    return 'it names no response id';
  }
  return null;
}
