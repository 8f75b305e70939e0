import { readdirSync, readFileSync } from 'node:fs';
import { tagIn } from '../../src/processes/tag.ts';

const LOOK_EVERY_MS = 50;

/** Counts the servers in the process table, many times a second, by the tag that every process of a tree carries. */
export class ProcessWatch {
  /** The most servers that there were at a time; a server and the processes that it starts are one tree. */
  mostServers = 0;
  mostProcesses = 0;
  looks = 0;
  /** The tags of all trees that were seen. */
  readonly seen = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  readonly #isOurs: (tag: string) => boolean;

  /** Starts to count. `isOurs` tells whether a tag belongs to the tasks that are watched. */
  constructor(isOurs: (tag: string) => boolean) {
    this.#isOurs = isOurs;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Ends the watch. */
  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const tags = taggedProcesses(this.#isOurs).map(({ tag }) => tag);
    const trees = new Set(tags);
    this.looks++;
    this.mostServers = Math.max(this.mostServers, trees.size);
    this.mostProcesses = Math.max(this.mostProcesses, tags.length);
    for (const tag of trees) this.seen.add(tag);
  }
}

/** Lists the processes whose tag passes. */
export function taggedProcesses(isOurs: (tag: string) => boolean): { pid: number; tag: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const tag = tagIn(textOf(`/proc/${name}/environ`));
    return tag !== null && isOurs(tag) ? [{ pid: Number(name), tag }] : [];
  });
}

/** Returns the parent of a process; 0 if it has ended. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
