import type { Deployment } from '../base/deployment.ts';
import type { Evidence } from '../contract/cleanup.ts';
import type { TreeEnd } from './end-tree.ts';
import { isRunning, parseRef, stillRunning } from './process-identity.ts';
import { releaseProcess } from './release-process.ts';
import { findTagged, killTagged } from './sweep.ts';
import { processTagOf } from './tag.ts';

/** How long the processes of a tool may take to end before they are killed. */
const GRACE_MS = 2_000;

/** The name of this kind of resource. */
export const PROCESS = 'process';

/** The name of a tree within its attempt, as the end of the id of its row. */
const NAME = /^[\w-]{1,100}$/;

/** The fields of a ledger row that name a process. */
type Row = { taskId: string; rowId: string; ref: string };

/** A tree that this process started; see `GuardedProcess`. */
type LiveTree = { close: () => Promise<TreeEnd> };

/**
 * The process trees of tools. They can outlive the process that started them, and are released by ending them.
 *
 * The reference of a tree is its tag until it has started, then `pid:starttime:tag`. The tag contains the id of the
 * row. Every process of the tree carries the tag, which is checked before the process is ended.
 */
export function processKind(deployment: Deployment) {
  return {
    kind: PROCESS,
    outlivesProcess: true,
    rowName: nameIn,
    doubt: ({ taskId, rowId, ref }: Row) => {
      const isOurs = NAME.test(nameIn(ref)) && tagIn(ref) === processTagOf(deployment, taskId, rowId);
      return isOurs ? null : 'its tag does not belong to this task, row and deployment';
    },
    release: async (ref: string, live: LiveTree | undefined) => {
      const ended = await live?.close();
      return ended?.evidence === 'verified' ? ended : endProcesses(ref);
    },
  };
}

/**
 * Returns the tag of a tree that an attempt is about to start, which is the reference of its row. `name` is unique among
 * the processes of the attempt.
 */
export function newProcessTag(
  deployment: Deployment,
  attempt: { taskId: string; epoch: number },
  name: string,
): string {
  return processTagOf(deployment, attempt.taskId, `${attempt.epoch}.${PROCESS}.${name}`);
}

async function endProcesses(ref: string): Promise<{ evidence: Evidence; detail: string }> {
  const tag = tagIn(ref);
  if (tag !== ref) {
    const { evidence, detail } = await releaseProcess(ref, GRACE_MS);
    if (evidence !== 'unknown' || isRunning(parseRef(ref))) return { evidence, detail };
  } else {
    // The guard of a worker that has just died is ending its tree, which it does best.
    await stillRunning(await findTagged((other) => other === tag), GRACE_MS);
  }
  // The root of the tree has gone, and its end proves nothing: look for its tag in all processes.
  const killed = (await killTagged(new Set([tag])))[tag] ?? { killed: 0, survivors: 0 };
  if (killed.survivors > 0) return { evidence: 'unknown', detail: `processes that still run: ${killed.survivors}` };
  return { evidence: 'verified', detail: `no process carries its tag; killed: ${killed.killed}` };
}

/** The tag in a reference, which may be the tag alone. */
function tagIn(ref: string): string {
  return /^[^:]*:[^:]*:(.+)$/s.exec(ref)?.[1] ?? ref;
}

function nameIn(ref: string): string {
  return ref.slice(ref.lastIndexOf('.') + 1);
}
