import { readFile } from 'node:fs/promises';

/** What {@link birthOf} says of a process that ended and waits for its parent, or of a pid nobody has. */
const GONE = 'gone';
/** What it says where the system does not tell. */
const UNKNOWN = 'unknown';

/**
 * When a process started, in the kernel's own ticks: together with the pid it names one process for as long as the
 * machine is up. `gone` where there is none, `unknown` on systems without /proc.
 */
export async function birthOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return process.platform === 'linux' || !isRunning(pid) ? GONE : UNKNOWN;
  // The second field is the command in parentheses and may hold anything; after it come the state and, 19 on, the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? GONE : (fields[19] ?? UNKNOWN);
}

/** Tells whether the process with this pid and birth still runs; `unknown` births are believed. */
export async function isSameProcess(pid: number, birth: string): Promise<boolean> {
  return isRunning(pid) && (await birthOf(pid)) === birth;
}

/** Tells whether a process with this pid exists, whoever it belongs to. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Names the present boot of this machine; `unknown` on systems that do not say. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => UNKNOWN)).trim();
}
