import { readFileSync } from 'node:fs';

/**
 * The result of {@link birthOf} on systems that do not report the start of a process, such as systems without /proc.
 */
const UNKNOWN = 'unknown';

/**
 * Returns when a process started, in ticks of the kernel. Together with the pid, this names one process until the
 * machine restarts. Returns `null` if there is no such process, or if it has ended and waits for its parent. Returns
 * `unknown` if the system does not report the start.
 */
export function birthOf(pid: number): string | null {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === null) return process.platform !== 'linux' && isRunning(pid) ? UNKNOWN : null;
  // The second field is the command in parentheses, which may hold any character. The state follows it; the start is 19
  // later.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? UNKNOWN);
}

/** Tells whether the process with this pid and birth still runs. If the birth is `unknown`, the pid alone decides. */
export function isSameProcess(pid: number, birth: string): boolean {
  return isRunning(pid) && birthOf(pid) === birth;
}

/** Tells whether a process with this pid exists, of any user. A zombie exists. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Returns the id of the current boot of this machine, or `unknown` if the system does not report it. */
export function bootId(): string {
  return textOf('/proc/sys/kernel/random/boot_id')?.trim() ?? UNKNOWN;
}

/** Reads synchronously: files under /proc are made in memory, so no disk delays the read. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
