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

/** A process to start, with everything it gets from us. */
export type GuardedCommand = {
  command: string;
  args: readonly string[];
  cwd: string;
  /** The whole environment, but the tag: nothing is inherited from this process. `PATH` is where `command` is sought. */
  environment: Readonly<Record<string, string>>;
  /** The id of the ledger row that stands for the tree; every process of the tree carries it. */
  tag: string;
  /** How long the tree may take to end once its stdin has ended, and again once it has been asked with TERM. */
  graceMs: number;
  /** The guard's binary; `null` does what can be done without one. */
  guardPath: string | null;
};

/**
 * A process tree started for a tool. `pid` and `startTime` name the guard, or the command where there is none.
 *
 * `isGuarded` is `false` where nothing but {@link GuardedProcess.close} and a sweep ends what the command started.
 */
export type GuardedProcess = {
  pid: number;
  /** In the kernel's ticks since boot; `unknown` where the system does not say. */
  startTime: string;
  /** Names the tree in the ledger: `pid:starttime:tag`. */
  ref: string;
  isGuarded: boolean;
  stdin: Writable;
  /** Holds the command up while nobody reads it, so that it fills a pipe and no more. */
  stdout: Readable;
  /** The end of what the tree wrote to stderr, at most 16 KiB; not scrubbed. */
  errorText: () => string;
  /** Resolves when the guard has ended, with the status of the command; 127 where it could not be started. */
  exited: Promise<ProcessExit>;
  /**
   * Ends the tree: end of stdin, TERM, KILL, then a look; never throws, and a second call waits for the first. A tree
   * that ignores both takes twice its `graceMs`.
   */
  close: () => Promise<TreeEnd>;
};

/**
 * Starts a command in a session of its own, so that neither it nor anything below it outlives this process.
 *
 * Throws `INTERNAL` off the main thread, and where nothing can be started at all, for want of the working directory or
 * of the guard.
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
  // In the same turn of the event loop as the start: were the process to end at once, it would not be reaped before.
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

/** The kernel takes the thread that started a process for its parent, and would kill it when that thread ends. */
function refuseOffMainThread(command: string): void {
  if (isMainThread) return;
  throw new ErrandError('INTERNAL', `expected ${command} to be started on the main thread, got a worker thread`);
}

function refuseStart({ command, cwd }: GuardedCommand, cause: unknown): never {
  throw new ErrandError('INTERNAL', `cannot start ${command} in ${cwd}: ${messageOf(cause)}`, { cause });
}

/** Without a guard, what is left of the group is killed with its leader, while the id of the group is surely its own. */
function exitOf(child: ChildProcess, pid: number, isGuarded: boolean): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      if (!isGuarded) sendSignal(-pid, 'SIGKILL');
      resolve({ code, signal });
    });
  });
}

/** A pipe breaks when the tree ends, which `exited` tells; without a listener the error would end the worker instead. */
function pipesOf(child: ChildProcess): { stdin: Writable; stdout: Readable; stderr: Readable } {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new ErrandError('INTERNAL', 'a process was started without its pipes');
  for (const stream of child.stdio) stream?.on('error', () => {});
  return { stdin, stdout, stderr };
}
