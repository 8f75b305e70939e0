import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Tree } from './tree.ts';

const PROGRAM = join(import.meta.dirname, 'processes/worker.ts');
const DRAIN_WITHIN_MS = 45_000;

/** A worker of one version, in its own process. */
export class WorkerProcess {
  readonly tree: Tree;
  /** The name of the worker in records. */
  readonly name: string;
  readonly #process: ChildProcess;

  private constructor(tree: Tree, name: string, child: ChildProcess) {
    this.tree = tree;
    this.name = name;
    this.#process = child;
  }

  /** Starts a worker; resolves once it takes tasks. `log` is the file descriptor for its output. */
  static async start(
    tree: Tree,
    settings: { worker: { name: string } },
    env: NodeJS.ProcessEnv,
    log: number,
  ): Promise<WorkerProcess> {
    const stdio = ['ignore', log, log, 'ipc'] as const;
    const child = fork(PROGRAM, [tree.dir, JSON.stringify(settings)], { env, stdio: [...stdio] });
    const exited = once(child, 'exit').then(() => false);
    const isReady = await Promise.race([once(child, 'message').then(() => true), exited]);
    if (!isReady) throw new Error(`a worker of the ${tree.name} version ended before it was ready`);
    return new WorkerProcess(tree, settings.worker.name, child);
  }

  /** Ends the worker as a deployment does: drains it within its grace. Returns whether it ended by itself. */
  async drain(): Promise<boolean> {
    if (this.#hasEnded) return false;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), DRAIN_WITHIN_MS);
    await exited;
    clearTimeout(timer);
    return this.#process.exitCode === 0;
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }
}
