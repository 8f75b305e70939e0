import { readdirSync, readFileSync } from 'node:fs';
import { identityOf, type ProcessIdentity } from './process-identity.ts';

/**
 * Returns the process with this pid and all its descendants, parents first. Empty if the process is gone.
 *
 * The cost grows with the tree, not with the machine. It reads in one turn of the event loop, to get a picture close to
 * one moment. An orphan of the tree is not included.
 */
export function treeOf(pid: number): ProcessIdentity[] {
  const root = identityOf(pid);
  const tree = root ? [root] : [];
  for (const { pid: parent } of tree) {
    tree.push(...childrenOf(parent).flatMap((child) => identityOf(child) ?? []));
  }
  return tree;
}

/** Reads the children of every thread: a child belongs to the thread that forked it. */
function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'));
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    return [];
  }
}
