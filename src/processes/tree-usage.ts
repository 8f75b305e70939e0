import { readdirSync, readFileSync } from 'node:fs';

/** What a tree uses now: processes and threads together, and bytes of memory that no file holds. */
export type TreeUsage = { tasks: number; memoryBytes: number };

/**
 * Sums up the use of the process with this pid and its descendants. Stops counting above `maxTasks`, so that a tree
 * that grows without end costs no more than a large one. Shared memory counts once for each process that has it.
 */
export function usageOf(pid: number, maxTasks: number): TreeUsage {
  const usage: TreeUsage = { tasks: 0, memoryBytes: 0 };
  const pids = [pid];
  for (const each of pids) {
    const threads = namesIn(`/proc/${each}/task`);
    usage.tasks += threads.length;
    if (usage.tasks > maxTasks) break;
    usage.memoryBytes += memoryIn(textOf(`/proc/${each}/status`));
    for (const thread of threads) pids.push(...numbersIn(textOf(`/proc/${each}/task/${thread}/children`)));
  }
  return usage;
}

function memoryIn(status: string): number {
  const sizes = [...status.matchAll(/^(?:RssAnon|RssShmem):\s*(\d+) kB$/gm)];
  return sizes.reduce((sum, [, size]) => sum + Number(size) * 1024, 0);
}

function numbersIn(text: string): number[] {
  return text.split(' ').filter(Boolean).map(Number);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
