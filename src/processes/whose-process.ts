import { readFile, stat } from 'node:fs/promises';
import type { ProcessIdentity } from './process-identity.ts';
import { treeOf } from './process-tree.ts';
import { tagIn } from './tag.ts';

/** The tag that a process carries, or `null`. The kernel shows it to the same user, and to root. */
export async function tagOf(pid: number): Promise<string | null> {
  return readFile(`/proc/${pid}/environ`, 'utf8').then(tagIn, () => null);
}

/**
 * Says why a process must not be signalled for a tag, or `null` if it may: it must carry the tag, belong to the user of
 * this process, and be neither this process nor one of its parents.
 */
export async function whyNotOurs({ pid }: ProcessIdentity, tag: string): Promise<string | null> {
  if (pid <= 1) return 'it is the first process of the system';
  const isAbove = pid === process.ppid || treeOf(pid).some((member) => member.pid === process.pid);
  if (pid === process.pid || isAbove) return 'it is this worker or a parent of it';
  const owner = await stat(`/proc/${pid}`).catch(() => null);
  if (owner?.uid !== process.geteuid?.()) return 'it belongs to another user';
  return (await tagOf(pid)) === tag ? null : 'it does not carry the tag of its row';
}
