import { ErrandEvent } from '../contract/events.ts';
import type { Redis } from '../redis/connection.ts';
import { Keys } from './keys.ts';

/** How often a subscription that Redis refused is retried. */
const RETRY_MS = 2_000;

/** Called once with each reason why the channels do not work, and with `null` when they work again. */
type OnTrouble = (trouble: Error | null) => void;

/**
 * Listens to pub/sub: the events of batches, and the ids of cancelled batches and tasks.
 *
 * Needs a connection of its own that does not resubscribe after a reconnect (`autoResubscribe: false`). ioredis would
 * not catch a refusal, and Redis refuses if the user has lost the right to the channels. This class resubscribes
 * instead, and retries until Redis accepts. Messages in the meantime are lost, so every listener also polls the
 * records.
 */
export class Channels {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #listeners = new Map<string, Set<(message: string) => void>>();
  readonly #onTrouble: OnTrouble;
  #trouble: string | null = null;
  #retry: NodeJS.Timeout | undefined;

  constructor(redis: Redis, prefix: string, onTrouble: OnTrouble = () => undefined) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
    this.#onTrouble = onTrouble;
    redis.on('ready', () => void this.#subscribeAgain());
    redis.on('message', (channel, message) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message);
    });
  }

  /**
   * Calls `listener` with each event of the batch until the returned function is called. Skips an unknown message: a
   * newer worker may send other events, and no caller could catch an error here.
   */
  async onEvent(batchId: string, listener: (event: ErrandEvent) => void): Promise<() => Promise<void>> {
    return this.#listen(this.#keys.events(batchId), (message) => {
      const event = ErrandEvent.safeParse(parseJson(message));
      if (event.success) listener(event.data);
    });
  }

  /** Calls `listener` with each id of a batch or task that is cancelled until the returned function is called. */
  async onCancel(listener: (id: string) => void): Promise<() => Promise<void>> {
    return this.#listen(this.#keys.cancels(), listener);
  }

  async #listen(channel: string, listener: (message: string) => void): Promise<() => Promise<void>> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    const stop = async () => {
      listeners.delete(listener);
      if (listeners.size > 0 || !this.#listeners.delete(channel)) return;
      await this.#redis.unsubscribe(channel);
    };
    try {
      // Subscribing twice is harmless. The second caller must not return before the channel is subscribed.
      await this.#redis.subscribe(channel);
    } catch (error) {
      await stop().catch(() => undefined);
      throw error;
    }
    return stop;
  }

  /** Never rejects. If the connection is lost meanwhile, its next `ready` event starts this again. */
  async #subscribeAgain(): Promise<void> {
    clearTimeout(this.#retry);
    const channels = [...this.#listeners.keys()];
    if (channels.length === 0) return;
    try {
      await this.#redis.subscribe(...channels);
      this.#note(null);
    } catch (error) {
      if (this.#redis.status !== 'ready') return;
      this.#note(error instanceof Error ? error : new Error(String(error)));
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.#subscribeAgain(), RETRY_MS).unref();
    }
  }

  #note(trouble: Error | null): void {
    const message = trouble?.message ?? null;
    if (message === this.#trouble) return;
    this.#trouble = message;
    this.#onTrouble(trouble);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
