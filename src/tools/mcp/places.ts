import { unlessAborted } from '../../base/unless-aborted.ts';

type Waiting = { owner: string; resolve: () => void };

/** A fixed number of places, given to those that wait in the order in which they asked. */
export class Places {
  #free: number;
  readonly #waiting: Waiting[] = [];
  /** The owner of each place that is taken. */
  readonly #owners: string[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Waits for a place. Resolves with the function that frees it.
   * @param owner the attempt; one attempt may have several places
   * @throws Error if every owner of a place waits for another one, so that none would become free; the reason of the
   *   signal.
   */
  async take(owner: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(owner, signal);
    this.#owners.push(owner);
    let isFreed = false;
    return () => {
      if (isFreed) return;
      isFreed = true;
      this.#owners.splice(this.#owners.indexOf(owner), 1);
      this.#passOn();
    };
  }

  async #wait(owner: string, signal: AbortSignal): Promise<void> {
    const waiting = new Set([owner, ...this.#waiting.map((other) => other.owner)]);
    if (this.#owners.length > 0 && this.#owners.every((holder) => waiting.has(holder))) {
      throw new Error('every place for a process belongs to a task that waits for another one; see mcp.max_processes');
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry = { owner, resolve };
    this.#waiting.push(entry);
    await unlessAborted(promise, signal).catch((error: unknown) => {
      const at = this.#waiting.indexOf(entry);
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#passOn();
      throw error;
    });
  }

  /** Gives a place to the next one that waits. */
  #passOn(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else this.#free++;
  }
}
