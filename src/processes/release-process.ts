import type { TreeEnd } from './end-tree.ts';
import { isRunning, KILL_MARGIN_MS, parseRef, signalProcess, stillRunning } from './process-identity.ts';
import { treeOf } from './process-tree.ts';
import { whyNotOurs } from './whose-process.ts';

/**
 * Ends the tree that `ref` names: sends TERM, waits `graceMs`, sends KILL, then checks. Idempotent. Any process of the
 * machine may call it.
 *
 * Pass the `graceMs` that the tree was started with: a running guard gets that time to end the tree itself, which is
 * more reliable. Reads the processes of the tree only. Leaves a process alone if it has the same pid but started later,
 * does not carry the tag, or is this process or one of its parents: the reference may be forged. If the process had
 * already ended, the evidence is `unknown`, and a sweep must look for its children. Throws `INTERNAL` if `ref` is not a
 * reference.
 */
export async function releaseProcess(ref: string, graceMs: number): Promise<TreeEnd> {
  const root = parseRef(ref);
  if (!isRunning(root)) {
    return {
      survivors: 0,
      evidence: 'unknown',
      detail: 'it had already ended; a sweep shows whether it left child processes',
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
  if (survivors > 0)
    return { survivors, evidence: 'unknown', detail: `processes of the tree that still run: ${survivors}` };
  return { survivors, evidence: 'verified', detail: `every process of the tree has ended, ${known.length} in all` };
}
