import { readdirSync, readFileSync } from 'node:fs';
import { identityOf, type ProcessIdentity } from './process-identity.ts';

/**
 * The process with this pid and everything below it that can be reached from it, parents first; empty where it is gone.
 *
 * Costs what the tree is large, whatever else runs on the machine. Read in one go, without a turn of the event loop, to
 * come close to a picture of one moment; a process that its parent left behind is not in it.
 */
export function treeOf(pid: number): ProcessIdentity[] {
  const root = identityOf(pid);
  const tree = root ? [root] : [];
  for (const { pid: parent } of tree) {
    tree.push(...childrenOf(parent).flatMap((child) => identityOf(child) ?? []));
  }
  return tree;
}

/** Children belong to the thread that forked them, so every thread is asked. */
function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'));
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    return [];
  }
}
