import type { Deployment } from '../base/deployment.ts';
import type { Evidence } from '../contract/cleanup.ts';
import { isRunning, parseRef } from './process-identity.ts';
import { releaseProcess } from './release-process.ts';
import { killTagged } from './sweep.ts';
import { processTagOf } from './tag.ts';

/** How long the processes of a tool may take to end before they are killed. */
const GRACE_MS = 2_000;

/** The name of the kind. */
export const PROCESS = 'process';

/** What a row of a process names. */
type Row = { taskId: string; rowId: string; ref: string };

/**
 * The process trees of tools: released by ending them. They outlive the process that started them. The reference of a tree has
 * its tag, and the tag has the id of the row; every process of the tree carries the tag, which is checked before it is ended.
 */
export function processKind(deployment: Deployment) {
  return {
    kind: PROCESS,
    outlivesProcess: true,
    isNumbered: true,
    doubt: ({ taskId, rowId, ref }: Row) => {
      if (parseRef(ref).tag === processTagOf(deployment, taskId, rowId)) return null;
      return 'its tag is not that of its task, row and deployment';
    },
    release: endProcesses,
  };
}

async function endProcesses(ref: string): Promise<{ evidence: Evidence; detail: string }> {
  const { tag, ...head } = parseRef(ref);
  const { evidence, detail } = await releaseProcess(ref, GRACE_MS);
  if (evidence !== 'unknown' || isRunning(head)) return { evidence, detail };
  // A tree whose head has gone is found by its tag: one look at all processes, only if the head left us in doubt.
  const killed = (await killTagged(new Set([tag])))[tag] ?? { killed: 0, survivors: 0 };
  if (killed.survivors > 0) return { evidence: 'unknown', detail: `${killed.survivors} processes still run` };
  return { evidence: 'verified', detail: `no process carries its tag; ${killed.killed} were killed` };
}
