import { readFile } from 'node:fs/promises';
import { monotonicMs, sleep } from '../../src/base/clock.ts';
import { parentOf } from './process-watch.ts';

const LOOK_AGAIN_MS = 20;
const STARTED_WITHIN_MS = 30_000;
/** For how long after its note a payment is surely under way: shorter than it takes. */
const UNDER_WAY_MS = 800;

/** A payment that the liar noted: the effect, the process of its worker, and when it was seen first. */
type Payment = { effect: string; workerPid: number; seenAtMs: number };

/** The payments in the file of the liar, which it writes before it answers. */
export class Payments {
  readonly #file: string;
  #seen: Payment[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(file: string) {
    this.#file = file;
  }

  /** Returns a function that waits for a payment that begins after now, and returns the process of its worker. */
  async nextBegins(): Promise<() => Promise<number>> {
    await this.#look();
    const before = this.#seen.length;
    return () => this.#untilMoreThan(before);
  }

  async #untilMoreThan(count: number): Promise<number> {
    for (const deadline = monotonicMs() + STARTED_WITHIN_MS; monotonicMs() < deadline; await sleep(LOOK_AGAIN_MS)) {
      await this.#look();
      const next = this.#seen.slice(count).find(({ workerPid }) => workerPid > 1);
      if (next) return next.workerPid;
    }
    throw new Error(`no payment began within ${STARTED_WITHIN_MS} ms`);
  }

  /** The effects that are under way on a worker. */
  underWay(workerPid: number): string[] {
    const sinceMs = monotonicMs() - UNDER_WAY_MS;
    const here = this.#seen.filter((payment) => payment.workerPid === workerPid && payment.seenAtMs > sinceMs);
    return here.map(({ effect }) => effect);
  }

  /** How often each payment happened. */
  async happened(): Promise<Map<string, number>> {
    await this.#look();
    const times = new Map<string, number>();
    for (const { effect } of this.#seen) times.set(effect, (times.get(effect) ?? 0) + 1);
    return times;
  }

  async #look(): Promise<void> {
    // A payment that began between two looks may have ended: it has no time.
    const isClose = monotonicMs() - this.#lookedAtMs < UNDER_WAY_MS / 8;
    const lines = (await readFile(this.#file, 'utf8').catch(() => '')).split('\n').slice(0, -1);
    for (const line of lines.slice(this.#seen.length)) {
      const { name, pid, args } = JSON.parse(line);
      // Between the worker and the server there is the guard.
      this.#seen.push({
        effect: `${name} ${args.amount}`,
        workerPid: parentOf(parentOf(pid)),
        seenAtMs: isClose ? monotonicMs() : Number.NEGATIVE_INFINITY,
      });
    }
    this.#lookedAtMs = monotonicMs();
  }
}
