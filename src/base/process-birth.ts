import { readFileSync } from 'node:fs';

/** What {@link birthOf} says where the system does not tell, as on those without /proc. */
const UNKNOWN = 'unknown';

/**
 * When a process started, in the kernel's own ticks: together with the pid it names one process for as long as the
 * machine is up. `null` where there is none or it has ended and waits for its parent, `unknown` where the system does
 * not say.
 */
export function birthOf(pid: number): string | null {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === null) return process.platform !== 'linux' && isRunning(pid) ? UNKNOWN : null;
  // The second field is the command in parentheses and may hold anything; after it come the state and, 19 on, the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? UNKNOWN);
}

/** Tells whether the process with this pid and birth still runs. An `unknown` birth is believed. */
export function isSameProcess(pid: number, birth: string): boolean {
  return isRunning(pid) && birthOf(pid) === birth;
}

/** Tells whether a process with this pid exists, whoever it belongs to. A zombie does. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Names the present boot of this machine; `unknown` on systems that do not say. */
export function bootId(): string {
  return textOf('/proc/sys/kernel/random/boot_id')?.trim() ?? UNKNOWN;
}

/** Files under /proc are made as they are read: no disk is waited for. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
