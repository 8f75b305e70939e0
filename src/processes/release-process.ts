import type { TreeEnd } from './end-tree.ts';
import { isRunning, KILL_MARGIN_MS, parseRef, signalProcess, stillRunning } from './process-identity.ts';
import { treeOf } from './process-tree.ts';
import { whyNotOurs } from './whose-process.ts';

/**
 * Ends the tree that `ref` names, from whichever process: TERM, `graceMs`, KILL, then a look. Idempotent.
 *
 * `graceMs` is the one the tree was started with: a living guard is given the time to end the tree itself, which it does
 * better. Costs what the tree owns: no other process is looked at. A pid that a later process has taken is left alone. So is
 * a process that does not carry the tag, or that is this process or one of its parents: the reference may be forged. Where
 * the process had gone before, what it may have left behind is for a sweep to find, and the evidence is `unknown`. Throws
 * `INTERNAL` where the reference is none.
 */
export async function releaseProcess(ref: string, graceMs: number): Promise<TreeEnd> {
  const root = parseRef(ref);
  if (!isRunning(root)) {
    return {
      survivors: 0,
      evidence: 'unknown',
      detail: 'it had ended before; a sweep tells whether it left any behind',
    };
  }
  const doubt = await whyNotOurs(root, root.tag);
  if (doubt !== null)
    return { survivors: 1, evidence: 'unknown', detail: `process ${root.pid} was left alone: ${doubt}` };
  const known = treeOf(root.pid);
  signalProcess(root, 'SIGTERM');
  signalProcess(root, 'SIGCONT');
  const left = await stillRunning(known, graceMs + KILL_MARGIN_MS);
  const doomed = [...left, ...left.flatMap(({ pid }) => treeOf(pid))];
  for (const member of doomed) signalProcess(member, 'SIGKILL');
  const survivors = new Set((await stillRunning(doomed, KILL_MARGIN_MS)).map(({ pid }) => pid)).size;
  if (survivors > 0) return { survivors, evidence: 'unknown', detail: `${survivors} processes of the tree still run` };
  return { survivors, evidence: 'verified', detail: `${known.length} processes of the tree were seen gone` };
}
