import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { sleep } from '../base/clock.ts';
import type { Evidence } from '../contract/cleanup.ts';
import { KILL_MARGIN_MS, type ProcessIdentity, sendSignal, signalProcess, stillRunning } from './process-identity.ts';
import { treeOf } from './process-tree.ts';

/** How a process ended: its status, or the signal that ended it. */
export type ProcessExit = { code: number | null; signal: NodeJS.Signals | null };

/** How a tree ended. `survivors`: known processes of the tree that still run. `evidence`: how sure that is. */
export type TreeEnd = { survivors: number; evidence: Evidence; detail: string };

/** A tree as its owner holds it. The pid is the guard's, or the command's if there is no guard. */
export type OwnedTree = ProcessIdentity & {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  exited: Promise<ProcessExit>;
  isGuarded: boolean;
};

/**
 * Ends a tree that this process started: closes stdin, sends TERM, sends KILL, with `graceMs` between the steps. Then
 * checks that no process is left. Never throws.
 */
export async function endTree(tree: OwnedTree, graceMs: number): Promise<TreeEnd> {
  const known = treeOf(tree.pid);
  tree.stdin.end();
  if (!(await endsWithin(tree.exited, graceMs))) askToEnd(tree);
  const patienceMs = tree.isGuarded ? graceMs + KILL_MARGIN_MS : graceMs;
  if (!(await endsWithin(tree.exited, patienceMs))) known.push(...killAll(treeOf(tree.pid)));
  const isProven = await isProvenGone(tree);
  const left = isProven ? [] : await stillRunning(killAll(known), KILL_MARGIN_MS);
  // The last output of the tree is often the reason why it ended.
  await endsWithin(finished(tree.stderr), KILL_MARGIN_MS);
  for (const pipe of [tree.stdin, tree.stdout, tree.stderr]) pipe.destroy();

  if (isProven) {
    return { survivors: 0, evidence: 'verified', detail: 'the guard saw the last process of the tree end' };
  }
  const survivors = new Set(left.map(({ pid }) => pid)).size;
  const reason = tree.isGuarded ? 'the guard was killed' : 'there was no guard';
  return {
    survivors,
    evidence: 'unknown',
    detail: `${reason}; known processes of the tree that still run: ${survivors}`,
  };
}

/** A guard ends by itself only when no process of its tree is left. */
async function isProvenGone({ exited, isGuarded }: OwnedTree): Promise<boolean> {
  return (await endsWithin(exited, KILL_MARGIN_MS)) && isGuarded && (await exited).signal === null;
}

/**
 * Sends TERM to the guard, which passes it on, or to the process group. A stopped process gets TERM only after CONT.
 */
function askToEnd({ pid, isGuarded }: OwnedTree): void {
  const target = isGuarded ? pid : -pid;
  sendSignal(target, 'SIGTERM');
  sendSignal(target, 'SIGCONT');
}

function killAll(processes: ProcessIdentity[]): ProcessIdentity[] {
  for (const each of processes) signalProcess(each, 'SIGKILL');
  return processes;
}

/** Tells whether a promise settles within the limit; a rejection counts. */
async function endsWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const hasEnded = work.then(
    () => true,
    () => true,
  );
  const isLate = sleep(limitMs, timer.signal).then(
    () => false,
    () => false,
  );
  const inTime = await Promise.race([hasEnded, isLate]);
  timer.abort();
  return inTime;
}
