import { withinTime } from '../base/within-time.ts';
import type { ErrandEvent } from '../contract/events.ts';
import type { Metadata } from '../contract/task.ts';
import { ErrandError, messageOf } from '../errors.ts';

/** The fields of a batch that its events carry. */
export type BatchFacts = Pick<ErrandEvent, 'batch_name' | 'batch_metadata'>;

/**
 * Reads what is added to the events of a batch. `tasks`: the metadata of tasks by index; `null` if no task has
 * metadata.
 */
export type FactsReader = {
  batch: () => Promise<BatchFacts | null>;
  tasks: (indexes: readonly number[]) => Promise<readonly (Metadata | undefined)[] | null>;
};

/** Takes an event. What it returns may be a promise. */
type Listener = (event: ErrandEvent) => unknown;

/** The maximum number of tasks whose metadata is kept, and that are read at a time. */
const MAX_KNOWN = 1_000;

/**
 * Adds the name and the metadata of the batch, and the metadata of the task, to each event. They are read at the first
 * event, because they may not exist earlier: once for the batch, and once for each task. Events that arrive meanwhile
 * wait, in order, and share one read. If the read fails, the events are passed on without them.
 */
export class BatchEvents {
  readonly #read: FactsReader;
  readonly #listener: Listener;
  readonly #onError: (error: Error) => void;
  readonly #known = new Map<number, Metadata | undefined>();
  #facts: BatchFacts | null = null;
  /** `false` once it is known that no task of the batch has metadata. */
  #isAnyPossible = true;
  #waiting: ErrandEvent[] = [];
  #isPassing = false;
  #isStopped = false;

  constructor(read: FactsReader, listener: Listener, onError: (error: Error) => void) {
    this.#read = read;
    this.#listener = listener;
    this.#onError = onError;
  }

  /** Takes an event of the batch. */
  take(event: ErrandEvent): void {
    this.#waiting.push(event);
    if (!this.#isPassing) void this.#pass();
  }

  /** Passes no more events on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Passes on the waiting events, at once if nothing has to be read for them. */
  async #pass(): Promise<void> {
    this.#isPassing = true;
    try {
      while (this.#waiting.length > 0) {
        const events = this.#waiting.splice(0, MAX_KNOWN);
        const unknown = this.#unknownIn(events);
        if (!this.#facts || unknown.length > 0) await Promise.all([this.#loadBatch(), this.#loadTasks(unknown)]);
        for (const event of events) if (!this.#isStopped) this.#tell(this.#complete(event));
      }
    } finally {
      this.#isPassing = false;
    }
  }

  /** Calls the listener. Its error neither stops later events nor ends the process. */
  #tell(event: ErrandEvent): void {
    const report = (cause: unknown) => this.#onError(listenerFailed(event, cause));
    try {
      void Promise.resolve(this.#listener(event)).catch(report);
    } catch (error) {
      report(error);
    }
  }

  #complete(event: ErrandEvent): ErrandEvent {
    const metadata = 'index' in event ? this.#known.get(event.index) : undefined;
    return { ...event, ...this.#facts, ...(metadata && { metadata }) };
  }

  /** The tasks in events whose metadata has to be read. */
  #unknownIn(events: readonly ErrandEvent[]): number[] {
    if (!this.#isAnyPossible) return [];
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
    const indexes = events.flatMap((event) => ('index' in event ? [event.index] : []));
    return [...new Set(indexes)].filter((index) => !this.#known.has(index));
  }

  async #loadBatch(): Promise<void> {
    this.#facts ??= await this.#read.batch().catch(() => null);
  }

  async #loadTasks(indexes: readonly number[]): Promise<void> {
    if (indexes.length === 0) return;
    const read = await this.#read.tasks(indexes).catch(() => undefined);
    if (read === null) this.#isAnyPossible = false;
    for (const [at, index] of indexes.entries()) if (read) this.#known.set(index, read[at]);
  }
}

function listenerFailed({ event, batch_id: batchId }: ErrandEvent, cause: unknown): ErrandError {
  const message = `the listener of batch ${batchId} threw at the event ${event}: ${messageOf(cause)}`;
  return new ErrandError('USAGE_INVALID', message, { cause, batchId, remedy: 'Catch errors in the listener.' });
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
