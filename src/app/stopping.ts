import { readFileSync } from 'node:fs';
import type { Environment } from '../credentials/secrets.ts';
import { processEnvironment } from './config.ts';
import { EXIT } from './exit-code.ts';

/**
 * A second signal within this time counts as the first: one Ctrl-C under npm arrives twice, from the terminal and from
 * npm, which forwards it.
 */
const SAME_PRESS_MS = 500;

/** How often to check whether the parent process still runs. */
const LAUNCHER_LOOK_MS = 500;

/**
 * Listens for SIGINT, SIGTERM and SIGHUP (a terminal sends SIGHUP when it closes). The returned signal aborts at the
 * first of them, with a reason that names it. A second one exits the process at once, with status 130.
 *
 * The signal also aborts if npm or `node --run` started this process through a shell, and this shell has ended: npm
 * sends its signal to the shell, and a shell that waits for a command dies without forwarding the signal.
 */
export function onStop(environment: Environment = processEnvironment()): AbortSignal {
  const controller = new AbortController();
  let askedAt = 0;
  const stop = (why: string) => {
    if (controller.signal.aborted) return;
    askedAt = performance.now();
    controller.abort(new Error(why));
  };
  const hear = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) stop(signal);
    else if (performance.now() - askedAt > SAME_PRESS_MS) process.exit(EXIT.interrupted);
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  process.on('SIGHUP', hear);
  if (isScript(environment) && !leadsItsGroup())
    watchLauncher(() => stop('the process that started this one has ended'));
  return controller.signal;
}

/** Tells whether npm, `npx`, another package manager or `node --run` started this process. */
function isScript(environment: Environment): boolean {
  return environment.npm_lifecycle_event !== undefined || environment.NODE_RUN_SCRIPT_NAME !== undefined;
}

/** Tells whether this process was detached with `setsid`, so that it should outlive its parent. */
function leadsItsGroup(): boolean {
  return Number(statOf('self')[2]) === process.pid;
}

/** Calls back when the parent process has ended: then this process, or the shell of its script, has another parent. */
function watchLauncher(onEnd: () => void): void {
  const launcher = launcherOf();
  const timer = setInterval(() => {
    if (launcherOf() === launcher) return;
    clearInterval(timer);
    onEnd();
  }, LAUNCHER_LOOK_MS);
  timer.unref();
}

/**
 * Identifies the parent of this process. For the shell of a script (`sh -c …`) with its parent, because the shell may
 * survive it.
 */
function launcherOf(): string {
  const parent = process.ppid;
  try {
    const isShell = readFileSync(`/proc/${parent}/cmdline`, 'utf8').split('\0')[1] === '-c';
    return isShell ? `${parent} of ${statOf(parent)[1]}` : String(parent);
  } catch {
    return String(parent);
  }
}

/** Reads the fields of a process after its name: state, parent, group. Returns an empty list if there is no `/proc`. */
function statOf(pid: number | 'self'): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
