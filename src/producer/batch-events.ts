import { withinTime } from '../base/within-time.ts';
import type { ErrandEvent } from '../contract/events.ts';

/** The fields of a batch that its events carry. */
export type BatchFacts = Pick<ErrandEvent, 'batch_name' | 'batch_metadata'>;

type Listener = (event: ErrandEvent) => void;

/**
 * Adds the name and the metadata of the batch to its events. They are read once, at the first event, because the batch may
 * not exist before; later events wait for them, in order. If they cannot be read, the events come without them.
 */
export class BatchEvents {
  readonly #read: () => Promise<BatchFacts | null>;
  readonly #listener: Listener;
  #facts: BatchFacts | null = null;
  #waiting: ErrandEvent[] | null = null;
  #isStopped = false;

  constructor(read: () => Promise<BatchFacts | null>, listener: Listener) {
    this.#read = read;
    this.#listener = listener;
  }

  /** Takes an event of the batch. */
  take(event: ErrandEvent): void {
    if (this.#facts) this.#listener({ ...event, ...this.#facts });
    else if (this.#waiting) this.#waiting.push(event);
    else {
      this.#waiting = [event];
      void this.#load();
    }
  }

  /** Passes no more events on. */
  stop(): void {
    this.#isStopped = true;
  }

  async #load(): Promise<void> {
    this.#facts = await this.#read().catch(() => null);
    const events = this.#waiting ?? [];
    this.#waiting = null;
    for (const event of events) if (!this.#isStopped) this.#listener({ ...event, ...this.#facts });
  }
}

/** Waits for a subscription, but not longer than `ms`. A subscription that is late is ended. */
export async function subscribed(
  listening: Promise<() => Promise<void>>,
  ms: number,
  late: () => Error,
): Promise<() => Promise<void>> {
  return withinTime(listening, ms, late).catch((error: unknown) => {
    listening.then((stop) => stop()).catch(() => undefined);
    throw error;
  });
}
