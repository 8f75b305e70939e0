import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { ErrandError, messageOf } from '../errors.ts';
import { endTree, type ProcessExit, type TreeEnd } from './end-tree.ts';
import { launchOf } from './launcher.ts';
import { keepTail } from './output-tail.ts';
import { identityOf, refOf, sendSignal } from './process-identity.ts';
import { TAG_VARIABLE } from './tag.ts';

const ERROR_TAIL_BYTES = 16 * 1024;

/** A process to start, and everything that it gets from this process. */
export type GuardedCommand = {
  command: string;
  args: readonly string[];
  cwd: string;
  /** The whole environment except the tag: nothing is inherited. `command` is sought on its `PATH`. */
  environment: Readonly<Record<string, string>>;
  /** The tag of the tree's ledger row. Every process of the tree carries it. */
  tag: string;
  /** How long the tree may take to end after its stdin ends, and again after TERM. */
  graceMs: number;
  /** The path of the guard, or `null` to start the command without a guard. */
  guardPath: string | null;
};

/**
 * A process tree started for a tool. `pid` and `startTime` name the guard, or the command if there is no guard.
 *
 * If `isGuarded` is `false`, only {@link GuardedProcess.close} and a sweep end the processes that the command started.
 */
export type GuardedProcess = {
  pid: number;
  /** In the kernel's ticks since boot; `unknown` if the system does not report it. */
  startTime: string;
  /** Names the tree in the ledger: `pid:starttime:tag`. */
  ref: string;
  isGuarded: boolean;
  stdin: Writable;
  /** Unread output fills the pipe and then blocks the command, so it never fills the memory. */
  stdout: Readable;
  /** Returns the end of the tree's stderr, at most 16 KiB. Secrets in it are not masked. */
  errorText: () => string;
  /** Resolves when the guard has ended, with the status of the command; 127 if it could not be started. */
  exited: Promise<ProcessExit>;
  /**
   * Ends the tree: closes stdin, sends TERM, sends KILL, then checks. Never throws. A second call waits for the first.
   * A tree that ignores the end of stdin and TERM takes twice its `graceMs`.
   */
  close: () => Promise<TreeEnd>;
};

/**
 * Starts a command in its own session, so that no process of its tree outlives this process.
 *
 * Throws `INTERNAL` off the main thread, and if the process cannot be started because the working directory or the
 * guard is missing.
 */
export async function startGuarded(command: GuardedCommand): Promise<GuardedProcess> {
  refuseOffMainThread(command.command);
  const launch = await launchOf(command.command, command.args, command.graceMs, command.guardPath);
  const child = spawn(launch.file, launch.args, {
    cwd: command.cwd,
    env: { ...command.environment, [TAG_VARIABLE]: command.tag },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', launch.isGuarded ? 'pipe' : 'ignore'],
  });
  const { pid } = child;
  if (pid === undefined) return refuseStart(command, (await once(child, 'error'))[0]);
  // In the same turn of the event loop as the start: even if the process ends at once, it is not yet reaped here.
  const identity = identityOf(pid) ?? { pid, startTime: 'unknown' };
  const exited = exitOf(child, pid, launch.isGuarded);
  const pipes = pipesOf(child);

  let ending: Promise<TreeEnd> | undefined;
  const tree = { ...identity, ...pipes, exited, isGuarded: launch.isGuarded };
  return {
    ...identity,
    ref: refOf(identity, command.tag),
    isGuarded: launch.isGuarded,
    stdin: pipes.stdin,
    stdout: pipes.stdout,
    errorText: keepTail(pipes.stderr, ERROR_TAIL_BYTES),
    exited,
    close: () => {
      ending ??= endTree(tree, command.graceMs);
      return ending;
    },
  };
}

/** For the kernel, the thread that starts a process is its parent. It would kill the process when that thread ends. */
function refuseOffMainThread(command: string): void {
  if (isMainThread) return;
  throw new ErrandError('INTERNAL', `expected ${command} to be started on the main thread, got a worker thread`);
}

function refuseStart({ command, cwd }: GuardedCommand, cause: unknown): never {
  throw new ErrandError('INTERNAL', `cannot start ${command} in ${cwd}: ${messageOf(cause)}`, { cause });
}

/** Without a guard, kills the group when its leader ends. At that moment no other group can have the same id. */
function exitOf(child: ChildProcess, pid: number, isGuarded: boolean): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      if (!isGuarded) sendSignal(-pid, 'SIGKILL');
      resolve({ code, signal });
    });
  });
}

/** A pipe breaks when the tree ends, which `exited` reports. Without a listener, the error would crash the worker. */
function pipesOf(child: ChildProcess): { stdin: Writable; stdout: Readable; stderr: Readable } {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new ErrandError('INTERNAL', 'a process was started without its pipes');
  for (const stream of child.stdio) stream?.on('error', () => {});
  return { stdin, stdout, stderr };
}
