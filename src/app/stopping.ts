import { readFileSync } from 'node:fs';
import type { Environment } from '../credentials/secrets.ts';
import { processEnvironment } from './config.ts';
import { EXIT } from './exit-code.ts';

/**
 * How long a second signal is taken for the first: one Ctrl-C under npm arrives twice, from the terminal and from npm,
 * which forwards it.
 */
const SAME_PRESS_MS = 500;

/** How often the process that started this one is looked for. */
const LAUNCHER_LOOK_MS = 500;

/**
 * Listens for SIGINT, SIGTERM and SIGHUP, which a terminal sends when it is closed. The signal aborts at the first one,
 * which asks to stop, with a reason that names it; a second one ends the process at once, with status 130.
 *
 * It aborts as well if npm or `node --run` started this process and the process between them, a shell, has ended: npm
 * sends its signal to that shell, and a shell that waits for a command dies without passing it on.
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

/** Whether npm (also `npx`, and other package managers) or `node --run` started this process. */
function isScript(environment: Environment): boolean {
  return environment.npm_lifecycle_event !== undefined || environment.NODE_RUN_SCRIPT_NAME !== undefined;
}

/** Whether this process was detached on purpose (`setsid`): then it outlives what started it. */
function leadsItsGroup(): boolean {
  return Number(statOf('self')[2]) === process.pid;
}

/** Calls back once the process that started this one has ended: it has another parent, or the shell of a script has. */
function watchLauncher(onEnd: () => void): void {
  const launcher = launcherOf();
  const timer = setInterval(() => {
    if (launcherOf() === launcher) return;
    clearInterval(timer);
    onEnd();
  }, LAUNCHER_LOOK_MS);
  timer.unref();
}

/** The parent of this process. If that is the shell of a script (`sh -c …`), its parent too: the shell may live on. */
function launcherOf(): string {
  const parent = process.ppid;
  try {
    const isShell = readFileSync(`/proc/${parent}/cmdline`, 'utf8').split('\0')[1] === '-c';
    return isShell ? `${parent} of ${statOf(parent)[1]}` : String(parent);
  } catch {
    return String(parent);
  }
}

/** What the system says of a process after its name: state, parent, group. Empty where there is no `/proc`. */
function statOf(pid: number | 'self'): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Resolves once the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
