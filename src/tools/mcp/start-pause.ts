import { monotonicMs, sleep } from '../../base/clock.ts';

const FIRST_MS = 1_000;
const MAX_MS = 30_000;

/** A server could not be started, or did not answer. The message is for the model and the operator. */
export class NotStarted extends Error {}

/**
 * The pause after a failed start of one server, for all attempts of the worker: 1 s, then doubled up to 30 s. A start
 * within it fails at once.
 */
export class StartPause {
  #waitMs = 0;
  #untilMs = 0;
  #reason = '';

  /** Starts the server, unless a start has just failed. @throws NotStarted; what `start` throws. */
  async run<T>(start: () => Promise<T>): Promise<T> {
    const leftMs = this.#untilMs - monotonicMs();
    if (leftMs > 0) throw new NotStarted(`${this.#reason}; it is tried again in ${Math.ceil(leftMs / 1000)} s`);
    try {
      const started = await start();
      this.#waitMs = 0;
      return started;
    } catch (error) {
      if (error instanceof NotStarted) this.#fail(error.message);
      throw error;
    }
  }

  /** Waits until the pause is over: an attempt that needs the tools of the server would fail. @throws the reason of the signal. */
  async over(signal: AbortSignal): Promise<void> {
    for (;;) {
      const leftMs = this.#untilMs - monotonicMs();
      if (leftMs <= 0) return;
      // A timer cuts off a part of a ms, and would fire before the pause is over.
      await sleep(Math.ceil(leftMs), signal);
    }
  }

  /** Starts that fail together count once. */
  #fail(reason: string): void {
    const nowMs = monotonicMs();
    if (nowMs < this.#untilMs) return;
    this.#waitMs = Math.min(Math.max(2 * this.#waitMs, FIRST_MS), MAX_MS);
    this.#untilMs = nowMs + this.#waitMs;
    this.#reason = reason;
  }
}
