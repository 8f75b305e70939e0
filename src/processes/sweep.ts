import { readdir } from 'node:fs/promises';
import {
  identityOf,
  isRunning,
  KILL_MARGIN_MS,
  type ProcessIdentity,
  refOf,
  signalProcess,
  stillRunning,
} from './process-identity.ts';
import { treeOf } from './process-tree.ts';
import { tagOf, whyNotOurs } from './whose-process.ts';

/** If a tree starts processes faster than they are killed, the next sweep continues. */
const MAX_ROUNDS = 5;

/** A process of ours, and the tag of its ledger row. */
export type TaggedProcess = ProcessIdentity & { tag: string };

/** The result of a sweep for one tag: how many processes it killed, and how many still run. */
export type SweptTag = { killed: number; survivors: number };

/**
 * Finds the processes of this machine whose tag is wanted: one scan of /proc, whatever the number of tags.
 *
 * Sees the processes of the same user, or all processes as root. A process that replaced its environment carries no tag
 * and is found only below a process with a tag. Empty if there is no /proc.
 */
export async function findTagged(isWanted: (tag: string) => boolean): Promise<TaggedProcess[]> {
  const names = await readdir('/proc').catch(() => []);
  const found: TaggedProcess[] = [];
  // One at a time: reading a process that hangs in the kernel hangs too, and must not block every thread of the pool.
  for (const pid of names.filter((name) => /^\d+$/.test(name)).map(Number)) {
    const tag = await tagOf(pid);
    if (tag === null || !isWanted(tag)) continue;
    const identity = identityOf(pid);
    // Read the tag again after the identity, so that both belong to the same process.
    if (identity !== null && (await tagOf(pid)) === tag) found.push({ ...identity, tag });
  }
  return found;
}

/**
 * Kills every process that carries one of the tags, and its descendants, until a scan finds no more.
 *
 * Only for tags whose owners are proven dead. Costs one scan if it finds nothing, and one more for each round. Returns
 * a result for every tag. A process that must not be signalled, such as this process, counts as a survivor.
 */
export async function killTagged(tags: ReadonlySet<string>): Promise<Record<string, SweptTag>> {
  const isWanted = (tag: string) => tags.has(tag);
  const seen = new Map<string, TaggedProcess>();
  let found = await findTagged(isWanted);
  for (let round = 0; round < MAX_ROUNDS && found.length > 0; round++) {
    const ours: TaggedProcess[] = [];
    for (const each of found) if ((await whyNotOurs(each, each.tag)) === null) ours.push(each);
    if (ours.length === 0) break;
    const doomed = ours.flatMap(({ pid, tag }) => treeOf(pid).map((member) => ({ ...member, tag })));
    for (const member of doomed) {
      seen.set(refOf(member, member.tag), member);
      signalProcess(member, 'SIGKILL');
    }
    await stillRunning(doomed, KILL_MARGIN_MS);
    found = await findTagged(isWanted);
  }
  const gone = [...seen.values()].filter((member) => !isRunning(member));
  const count = (members: TaggedProcess[], tag: string) => members.filter((member) => member.tag === tag).length;
  return Object.fromEntries([...tags].map((tag) => [tag, { killed: count(gone, tag), survivors: count(found, tag) }]));
}
