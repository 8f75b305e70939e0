import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, 'processes/worker.ts');
const DRAIN_WITHIN_MS = 45_000;

/** How to start the worker of a slot under a name. */
export type WorkerPlan = { settings: (slot: number, name: string) => object; env: NodeJS.ProcessEnv; logFile: string };

type Slot = { name: string; process: ChildProcess; isReady: Promise<void>; resume: NodeJS.Timeout | undefined };

/**
 * The workers of a storm, one in each slot. A worker that is killed, or dies by itself, is replaced at once by one with
 * another name, so that every attempt on record names the very process that ran it.
 */
export class WorkerPool {
  /** Times of death by name, in milliseconds of the wall clock, which is also the clock of the records. */
  readonly killedAt = new Map<string, number>();
  stops = 0;
  /** Workers that ended without being asked to. */
  died = 0;
  readonly #plan: WorkerPlan;
  readonly #log: FileHandle;
  readonly #slots: Slot[] = [];
  #started = 0;
  #isClosing = false;

  private constructor(plan: WorkerPlan, log: FileHandle) {
    this.#plan = plan;
    this.#log = log;
  }

  /** Starts a worker in each slot; resolves when all take tasks. */
  static async start(slots: number, plan: WorkerPlan): Promise<WorkerPool> {
    const pool = new WorkerPool(plan, await open(plan.logFile, 'a'));
    for (let slot = 0; slot < slots; slot++) pool.#spawn(slot);
    await pool.ready();
    return pool;
  }

  /** Resolves when the worker of every slot takes tasks. */
  async ready(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.isReady));
  }

  /** Kills the worker of a slot; its replacement is on the way. */
  kill(slot: number): void {
    const victim = this.#slots[slot];
    if (!victim || this.killedAt.has(victim.name)) return;
    this.killedAt.set(victim.name, Date.now());
    victim.process.kill('SIGKILL');
  }

  /** Kills the worker with this pid, if there is one. */
  killPid(pid: number): void {
    this.kill(this.#slots.findIndex(({ process }) => process.pid === pid));
  }

  /** Freezes the worker of a slot for `forMs`, unless it is frozen already. */
  stop(slot: number, forMs: number): void {
    const victim = this.#slots[slot];
    if (!victim || victim.resume) return;
    this.stops++;
    victim.process.kill('SIGSTOP');
    victim.resume = setTimeout(() => {
      victim.resume = undefined;
      victim.process.kill('SIGCONT');
    }, forMs);
  }

  /** Ends every worker as an operator would; resolves to the number of those that had to be killed. */
  async drain(): Promise<number> {
    this.#isClosing = true;
    const stubborn = await Promise.all(this.#slots.map(({ process }) => endGently(process)));
    await this.#log.close();
    return stubborn.filter(Boolean).length;
  }

  /** Kills every worker without waiting, for a storm that is broken off. */
  abandon(): void {
    this.#isClosing = true;
    for (const { process } of this.#slots) process.kill('SIGKILL');
  }

  #spawn(slot: number): void {
    const name = `w${slot}.${++this.#started}`;
    const { settings, env } = this.#plan;
    const stdio = ['ignore', this.#log.fd, this.#log.fd, 'ipc'] as const;
    const child = fork(PROGRAM, [JSON.stringify(settings(slot, name))], { env, stdio: [...stdio] });
    let wasReady = false;
    const ready = once(child, 'message').then(() => {
      wasReady = true;
    });
    const replaced = once(child, 'exit').then(() => this.#replace(slot, name, wasReady));
    const isReady = Promise.race([ready, replaced]);
    isReady.catch(() => undefined); // told to whoever waits for the slot, now or later
    this.#slots[slot] = { name, process: child, isReady, resume: undefined };
  }

  /** Resolves when the replacement is ready, so that whoever waits for the slot waits for its newest worker. */
  async #replace(slot: number, name: string, wasReady: boolean): Promise<void> {
    clearTimeout(this.#slots[slot]?.resume);
    if (this.#isClosing) return;
    if (!this.killedAt.has(name)) {
      this.died++;
      // The next one would end the same way, and the one after it.
      if (!wasReady) throw new Error(`worker ${name} ended before it was ready; its log is ${this.#plan.logFile}`);
    }
    this.#spawn(slot);
    await this.#slots[slot]?.isReady;
  }
}

async function endGently(child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return false;
  const exited = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), DRAIN_WITHIN_MS);
  await exited;
  clearTimeout(timer);
  return child.signalCode === 'SIGKILL';
}
