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

/** A tree that starts processes faster than it is killed is left for the next sweep. */
const MAX_ROUNDS = 5;

/** A process of ours, and the ledger row it belongs to. */
export type TaggedProcess = ProcessIdentity & { tag: string };

/** What a sweep came to for one tag: the processes it found and saw gone, and those it saw left. */
export type SweptTag = { killed: number; survivors: number };

/**
 * Finds the processes of this machine whose tag is wanted: one scan of /proc, whatever the number of tags.
 *
 * Sees the processes of the same user, or all as root. One that replaced its environment carries no tag and is found
 * only below one that does. Empty where there is no /proc.
 */
export async function findTagged(isWanted: (tag: string) => boolean): Promise<TaggedProcess[]> {
  const names = await readdir('/proc').catch(() => []);
  const found: TaggedProcess[] = [];
  // One at a time: a read from a process that hangs in the kernel hangs too, and must not take every thread of the pool.
  for (const pid of names.filter((name) => /^\d+$/.test(name)).map(Number)) {
    const tag = await tagOf(pid);
    if (tag === null || !isWanted(tag)) continue;
    const identity = identityOf(pid);
    // Read again after the identity, so that the tag is surely the one of this very process.
    if (identity !== null && (await tagOf(pid)) === tag) found.push({ ...identity, tag });
  }
  return found;
}

/**
 * Kills every process that carries one of the tags, and what stands below it, until a scan finds none.
 *
 * For tags of provably dead owners only. Costs one scan where nothing is found, else one more for each round. Answers
 * for every tag asked for. A process that must not be signalled, such as this one, is counted among the survivors.
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
