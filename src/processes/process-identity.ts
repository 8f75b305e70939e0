import { monotonicMs, sleep } from '../base/clock.ts';
import { birthOf } from '../base/process-birth.ts';
import { ErrandError } from '../errors.ts';

/** How long the kernel may take to end a killed process. */
export const KILL_MARGIN_MS = 2_000;
const FIRST_LOOK_MS = 2;
const MAX_LOOK_MS = 50;

/**
 * A process that cannot be mistaken for a later one with the same pid.
 *
 * `startTime`: when it started, in the kernel's ticks since boot. Compare it for equality only. It is `unknown` if the
 * system does not report it; no running process equals that.
 */
export type ProcessIdentity = { pid: number; startTime: string };

/** The process that has this pid now; `null` if no process has it, it is a zombie, or the system has no /proc. */
export function identityOf(pid: number): ProcessIdentity | null {
  const startTime = birthOf(pid);
  return startTime === null || startTime === 'unknown' ? null : { pid, startTime };
}

/** Tells whether this very process still runs. A zombie does not. */
export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  return identityOf(pid)?.startTime === startTime;
}

/**
 * Sends the signal to this very process, and tells whether it was running. Never throws.
 *
 * In theory another process could get the pid between the check and the signal. In practice it cannot: the kernel
 * assigns pids in turn and reuses one only after thousands of others.
 */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return isRunning(target) && sendSignal(target.pid, signal);
}

/**
 * Sends the signal to a pid, or to a group if the pid is negative. Returns `false` if it is gone or not ours to signal.
 */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Waits at most `withinMs` until all processes are gone, and returns the processes that still run. */
export async function stillRunning(processes: ProcessIdentity[], withinMs: number): Promise<ProcessIdentity[]> {
  const deadline = monotonicMs() + withinMs;
  // The kernel reports the end of a process only to its parent, which we are not. So this polls, with growing pauses.
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
 * Throws `INTERNAL` if the text is not a reference.
 */
export function parseRef(ref: string): ProcessIdentity & { tag: string } {
  const [, pid, startTime, tag] = /^([1-9]\d*):(\d+|unknown):(.+)$/s.exec(ref) ?? [];
  if (!pid || !startTime || !tag) {
    throw new ErrandError('INTERNAL', `expected the reference of a process (pid:starttime:tag), got "${ref}"`);
  }
  return { pid: Number(pid), startTime, tag };
}
