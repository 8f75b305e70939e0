import { monotonicMs, sleep } from '../base/clock.ts';
import { birthOf } from '../base/process-birth.ts';
import { ErrandError } from '../errors.ts';

/** How long the kernel may take to end what was killed. */
export const KILL_MARGIN_MS = 2_000;
const FIRST_LOOK_MS = 2;
const MAX_LOOK_MS = 50;

/**
 * A process that cannot be mistaken for a later one with the same pid.
 *
 * `startTime` is when it started, in the kernel's ticks since boot, to be compared for equality only; `unknown` where
 * the system does not say, which equals no process at all.
 */
export type ProcessIdentity = { pid: number; startTime: string };

/** The process that has this pid now, or `null` where there is none, it is a zombie, or the system has no /proc. */
export function identityOf(pid: number): ProcessIdentity | null {
  const startTime = birthOf(pid);
  return startTime === null || startTime === 'unknown' ? null : { pid, startTime };
}

/** Tells whether this very process still runs. A zombie does not. */
export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  return identityOf(pid)?.startTime === startTime;
}

/**
 * Sends the signal to this very process, and tells whether it was there to get it; never throws.
 *
 * Between the look and the signal the pid could change hands, were the process reaped and the pid taken again within
 * microseconds; the kernel hands pids out in turn, so that it comes round to the same one only after thousands.
 */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return isRunning(target) && sendSignal(target.pid, signal);
}

/** Sends the signal to a pid, or to the group of a negative one; `false` where it cannot be had or is not ours. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Waits until all of them are gone, `withinMs` at most, and returns those that still run. */
export async function stillRunning(processes: ProcessIdentity[], withinMs: number): Promise<ProcessIdentity[]> {
  const deadline = monotonicMs() + withinMs;
  // The kernel tells only the parent of a process that it has ended, and we are not the parent: hence looks, ever rarer.
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_LOOK_MS)) {
    const left = processes.filter(isRunning);
    if (left.length === 0 || monotonicMs() >= deadline) return left;
    await sleep(pauseMs);
  }
}

/** Names a process in the ledger: `pid:starttime:tag`. */
export function refOf({ pid, startTime }: ProcessIdentity, tag: string): string {
  return `${pid}:${startTime}:${tag}`;
}

/**
 * Reads a reference made by {@link refOf}.
 *
 * Throws `INTERNAL` where the text is none.
 */
export function parseRef(ref: string): ProcessIdentity & { tag: string } {
  const [, pid, startTime, tag] = /^([1-9]\d*):(\d+|unknown):(.+)$/s.exec(ref) ?? [];
  if (!pid || !startTime || !tag) {
    throw new ErrandError('INTERNAL', `expected the reference of a process (pid:starttime:tag), got "${ref}"`);
  }
  return { pid: Number(pid), startTime, tag };
}
