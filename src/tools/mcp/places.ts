import { unlessAborted } from '../../base/unless-aborted.ts';

/** One that waits for a place, and the attempts that wait for it. */
type Waiting = { askers: ReadonlySet<string>; resolve: () => void };

/** A fixed number of places, given to those that wait in the order in which they asked. */
export class Places {
  #free: number;
  readonly #waiting: Waiting[] = [];
  /** The owner of each place that is taken. */
  readonly #owners: string[] = [];
  readonly #listeners: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** How many processes wait for a place. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Calls `listener` each time when no place is free for one that asks. */
  onWanted(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Waits for a place. Resolves with the function that frees it.
   * @param owner the attempt, which may have several places; or the hold of a shared server
   * @param askers the attempts that wait for the place. The caller may add to them meanwhile.
   * @throws Error if every owner of a place waits for another one, so that none would become free; the reason of the
   *   signal.
   */
  async take(owner: string, signal: AbortSignal, askers: ReadonlySet<string> = new Set([owner])): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(askers, signal);
    this.#owners.push(owner);
    let isFreed = false;
    return () => {
      if (isFreed) return;
      isFreed = true;
      this.#owners.splice(this.#owners.indexOf(owner), 1);
      this.#passOn();
    };
  }

  /** @throws Error if every owner of a place waits for another one, so that none would become free. */
  assertMoves(askers: ReadonlySet<string> = new Set()): void {
    const waiting = new Set([askers, ...this.#waiting.map((other) => other.askers)].flatMap((each) => [...each]));
    if (this.#owners.length > 0 && this.#owners.every((holder) => waiting.has(holder))) {
      throw new Error('every place for a process belongs to a task that waits for another one; see mcp.max_processes');
    }
  }

  async #wait(askers: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    this.assertMoves(askers);
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry = { askers, resolve };
    this.#waiting.push(entry);
    for (const listener of this.#listeners) listener();
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
