import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Order, Report } from './order.ts';

const PROGRAM = join(import.meta.dirname, 'processes/target.ts');

/** How much CPU time the process may use without a message before it counts as stalled, and how often this is checked. */
const BUSY_MS = 3_000;
const LOOK_EVERY_MS = 500;
/** The maximum duration of a conversation. */
const WHOLE_MS = 45_000;

/** The result of an order: a report, or a process that stalled, did not end the conversation, or exited. */
export type Observed = Report | { lost: 'stalled' | 'endless' | 'died'; detail: string };

/** The process under test, which is restarted after it had to be killed. */
export class TargetProcess {
  readonly #tree: string;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #errors = '';

  constructor(tree: string, env: NodeJS.ProcessEnv) {
    this.#tree = tree;
    this.#env = env;
  }

  /** Runs one conversation. */
  async run(order: Order): Promise<Observed> {
    const child = this.#child ?? (await this.#start());
    const { promise, resolve } = Promise.withResolvers<Observed>();
    let usedMs = cpuMsOf(child);
    const silence = setInterval(() => {
      const busyMs = cpuMsOf(child) - usedMs;
      if (busyMs > BUSY_MS) resolve({ lost: 'stalled', detail: `no sign for ${busyMs} ms of CPU time` });
    }, LOOK_EVERY_MS);
    const whole = setTimeout(() => resolve({ lost: 'endless', detail: `no end within ${WHOLE_MS} ms` }), WHOLE_MS);
    const onMessage = (message: Report | 'alive') => {
      usedMs = cpuMsOf(child);
      if (message !== 'alive') resolve(message);
    };
    const onExit = () => resolve({ lost: 'died', detail: this.#errors.slice(-800) });
    child.on('message', onMessage).once('exit', onExit);
    child.send(order);
    const observed = await promise;
    clearInterval(silence);
    clearTimeout(whole);
    child.off('message', onMessage).off('exit', onExit);
    if ('lost' in observed) await this.kill();
    return observed;
  }

  /** Lets the process exit by itself, so that it writes its coverage. */
  async end(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    const exited = once(child, 'exit');
    child.send('end');
    await exited;
  }

  /** Kills the process; the next order starts another process. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async #start(): Promise<ChildProcess> {
    this.#errors = '';
    const child = fork(PROGRAM, [this.#tree], {
      env: this.#env,
      execArgv: ['--expose-gc', '--max-old-space-size=2048'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = `${this.#errors}${text}`.slice(-4000);
    });
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    if (child.exitCode !== null) throw new Error(`the process under test did not start: ${this.#errors}`);
    this.#child = child;
    return child;
  }
}

/** The CPU time that a process has used, read from `/proc`; 0 on other systems, which only have the total limit. */
function cpuMsOf({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}
