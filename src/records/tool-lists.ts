import type { Redis } from '../redis/connection.ts';
import { Keys } from './keys.ts';

/** How long Redis keeps the list of a server. After that, a worker asks the server again. */
const KEPT_MS = 3_600_000;

/** The lists of tools of MCP servers, as text. The reader checks them. */
export class ToolListRecords {
  readonly #redis: () => Redis;
  readonly #keys: Keys;

  /** @param redis returns the connection, which may be opened later */
  constructor(redis: () => Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Returns the list under a key; `null` if Redis has no list. */
  async read(key: string): Promise<string | null> {
    return this.#redis().get(this.#keys.toolList(key));
  }

  /** Keeps a list for an hour. */
  async write(key: string, text: string): Promise<void> {
    await this.#redis().set(this.#keys.toolList(key), text, 'PX', KEPT_MS);
  }
}
