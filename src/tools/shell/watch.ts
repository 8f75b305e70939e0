import { monotonicMs, sleep } from '../../base/clock.ts';
import { usageOf } from '../../processes/tree-usage.ts';
import type { ShellSettings } from './settings.ts';

const LOOK_MS = 200;
/** The guard, `bwrap`, and its first process in the sandbox. */
const OWN_TASKS = 3;
const COUNT_FILES_MS = 1_000;
/** Files are counted at most this part of the time. */
const MAX_COUNTING_SHARE = 0.1;

/**
 * Watches what the tree of a command uses, and resolves to the limit that it passed, as a sentence. The kernel limits
 * each process; only this limits all of them together, and root, whose processes the kernel does not count.
 * Rejects when the signal aborts.
 */
export async function passedLimit(pid: number, settings: ShellSettings, signal: AbortSignal): Promise<string> {
  const { max_processes, max_memory_bytes } = settings;
  for (;;) {
    await sleep(LOOK_MS, signal);
    const { tasks, memoryBytes } = usageOf(pid, max_processes + OWN_TASKS);
    if (tasks > max_processes + OWN_TASKS) return `it had more than ${max_processes} processes and threads`;
    if (memoryBytes > max_memory_bytes) return `its processes used more than ${max_memory_bytes} bytes of memory`;
  }
}

/**
 * Counts the files of the workspace while a command runs, and resolves to the limit that they passed. Rejects when the
 * signal aborts.
 */
export async function passedFileLimit(recount: () => Promise<string | null>, signal: AbortSignal): Promise<string> {
  for (let pauseMs = COUNT_FILES_MS; ; ) {
    await sleep(pauseMs, signal);
    const startMs = monotonicMs();
    const problem = await recount();
    if (problem !== null) return problem;
    pauseMs = Math.max(COUNT_FILES_MS, (monotonicMs() - startMs) / MAX_COUNTING_SHARE);
  }
}
