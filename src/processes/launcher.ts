import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The full path, because the PATH belongs to the tree and may be empty. */
const SETPRIV = '/usr/bin/setpriv';
/** The first descriptor after stdin, stdout and stderr. */
const LIFELINE_FD = 3;

/** What to start: the command itself, or a program that starts it and ends it with this process. */
export type Launch = { file: string; args: string[]; isGuarded: boolean };

/**
 * Puts the guard before the command. Without a guard, puts `setpriv` there, which ends the command with this process,
 * but not the processes that the command starts. Without `setpriv`, starts the command alone.
 */
export async function launchOf(
  command: string,
  args: readonly string[],
  graceMs: number,
  guardPath: string | null,
): Promise<Launch> {
  if (guardPath !== null) {
    const ours = [process.pid, LIFELINE_FD, Math.ceil(graceMs)].map(String);
    return { file: guardPath, args: [...ours, command, ...args], isGuarded: true };
  }
  if (await canFollowParent()) {
    return { file: SETPRIV, args: ['--pdeathsig', 'KILL', '--', command, ...args], isGuarded: false };
  }
  return { file: command, args: [...args], isGuarded: false };
}

/** Tried rather than looked up: the `setpriv` of BusyBox does not know the option. */
async function canFollowParent(): Promise<boolean> {
  return execute(SETPRIV, ['--pdeathsig', 'KILL', '/bin/true'], { env: {} }).then(
    () => true,
    () => false,
  );
}
