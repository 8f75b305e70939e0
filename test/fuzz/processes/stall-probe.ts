const TICK_MS = 10;

/**
 * Measures how long the event loop stood still, by the CPU time of this thread from one tick to the next, so the time of
 * other processes does not count. Also keeps the maximum resident memory of all ticks.
 */
export class StallProbe {
  #usedMs = 0;
  #longestMs = 0;
  #peakBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Restarts the measurement. */
  start(): void {
    this.#longestMs = 0;
    this.#peakBytes = 0;
    this.#usedMs = usedMs();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Stops and returns the measurement. */
  stop(): { stallMs: number; peakBytes: number } {
    this.#tick();
    clearInterval(this.#timer);
    return { stallMs: Math.round(this.#longestMs), peakBytes: this.#peakBytes };
  }

  #tick(): void {
    const now = usedMs();
    this.#longestMs = Math.max(this.#longestMs, now - this.#usedMs);
    this.#usedMs = now;
    this.#peakBytes = Math.max(this.#peakBytes, process.memoryUsage.rss());
  }
}

function usedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
