import type { Deployment } from '../base/deployment.ts';
import type { Evidence } from '../contract/cleanup.ts';
import { isRunning, parseRef } from './process-identity.ts';
import { releaseProcess } from './release-process.ts';
import { killTagged } from './sweep.ts';
import { processTagOf } from './tag.ts';

/** How long the processes of a tool may take to end before they are killed. */
const GRACE_MS = 2_000;

/** The name of this kind of resource. */
export const PROCESS = 'process';

/** The fields of a ledger row that name a process. */
type Row = { taskId: string; rowId: string; ref: string };

/**
 * The process trees of tools. They can outlive the process that started them, and are released by ending them. The
 * reference of a tree contains its tag, and the tag contains the id of the row. Every process of the tree carries the
 * tag, which is checked before the process is ended.
 */
export function processKind(deployment: Deployment) {
  return {
    kind: PROCESS,
    outlivesProcess: true,
    isNumbered: true,
    doubt: ({ taskId, rowId, ref }: Row) => {
      if (parseRef(ref).tag === processTagOf(deployment, taskId, rowId)) return null;
      return 'its tag does not belong to this task, row and deployment';
    },
    release: endProcesses,
  };
}

async function endProcesses(ref: string): Promise<{ evidence: Evidence; detail: string }> {
  const { tag, ...head } = parseRef(ref);
  const { evidence, detail } = await releaseProcess(ref, GRACE_MS);
  if (evidence !== 'unknown' || isRunning(head)) return { evidence, detail };
  // The root of the tree has gone, and its end proves nothing: look for its tag in all processes.
  const killed = (await killTagged(new Set([tag])))[tag] ?? { killed: 0, survivors: 0 };
  if (killed.survivors > 0) return { evidence: 'unknown', detail: `processes that still run: ${killed.survivors}` };
  return { evidence: 'verified', detail: `no process carries its tag; killed: ${killed.killed}` };
}
