import { type Deployment, deploymentHash } from '../base/deployment.ts';

/** The environment variable that marks every process of a tree with the id of its ledger row. */
export const TAG_VARIABLE = 'ERRAND_ROW';

/** Reads the tag from an environment in the form of the kernel: `NAME=value`, each ended by a zero byte. */
export function tagIn(environment: string): string | null {
  const prefix = `${TAG_VARIABLE}=`;
  const entry = environment.split('\0').find((text) => text.startsWith(prefix));
  return entry === undefined ? null : entry.slice(prefix.length);
}

/**
 * Returns the tag that every process of a row carries in its environment. It names the deployment too, by a hash: two
 * deployments on one machine may have tasks with the same id, because ids derive from idempotency keys.
 */
export function processTagOf({ prefix, workspaceRoot }: Deployment, taskId: string, rowId: string): string {
  return `${deploymentHash(`${prefix}\0${workspaceRoot}`)}:${taskId}/${rowId}`;
}
