import type { Redis } from 'ioredis';
import { ErrandEvent } from '../contract/events.ts';
import { Keys } from './keys.ts';

/**
 * Listens to what is told over pub/sub: the events of a batch, and nudges to look at cancel flags.
 *
 * Needs a connection of its own; ioredis subscribes again by itself after a reconnect. What is told meanwhile is lost,
 * so every listener also polls the records.
 */
export class Channels {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #listeners = new Map<string, Set<(message: string) => void>>();

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
    redis.on('message', (channel, message) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message);
    });
  }

  /**
   * Calls `listener` with each event of the batch until the returned function is called. What is no event we know is
   * passed over: a newer worker may tell of more, and nobody could catch what is thrown here.
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
      // Subscribing twice is harmless, and whoever comes second must not return before the first one listens.
      await this.#redis.subscribe(channel);
    } catch (error) {
      await stop().catch(() => undefined);
      throw error;
    }
    return stop;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
