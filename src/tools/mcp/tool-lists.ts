import { createHash } from 'node:crypto';
import { unlessAborted } from '../../base/unless-aborted.ts';
import type { McpServer } from './settings.ts';
import { listInText, type ToolList, textOfList } from './tool-list.ts';

/** Keeps the lists of tools for all workers, for a time. */
export interface ToolListStore {
  read(key: string): Promise<string | null>;
  write(key: string, text: string): Promise<void>;
}

/** The list of tools of one server: from the store, or from the server, which one attempt at a time asks. */
export class ToolLists {
  readonly #store: ToolListStore;
  readonly #key: string;
  #asking: Promise<ToolList> | undefined;

  constructor(server: McpServer, store: ToolListStore) {
    this.#store = store;
    this.#key = keyOf(server);
  }

  /** Returns the list. `ask` is called only if the store has none. @throws what `ask` throws; the reason of the signal. */
  async get(ask: () => Promise<ToolList>, signal: AbortSignal): Promise<ToolList> {
    for (;;) {
      const text = await this.#store.read(this.#key);
      const list = text === null ? null : listInText(text);
      if (list) return list;
      if (!this.#asking) return this.#ask(ask);
      // If the other attempt fails, this one asks itself: the reason may be of that attempt, such as a cancel.
      const found = await unlessAborted(
        this.#asking.catch(() => null),
        signal,
      );
      if (found) return found;
    }
  }

  /** Stores the list that a server has now. @throws Error for a list that is too large. */
  async put(list: ToolList): Promise<void> {
    await this.#store.write(this.#key, textOfList(list));
  }

  async #ask(ask: () => Promise<ToolList>): Promise<ToolList> {
    const asking = ask();
    this.#asking = asking;
    try {
      const list = await asking;
      await this.put(list);
      return list;
    } finally {
      this.#asking = undefined;
    }
  }
}

/** A server with another specification has its own list. */
function keyOf({ command, env, cwd, url, credential }: McpServer): string {
  return createHash('sha256').update(JSON.stringify({ command, env, cwd, url, credential })).digest('hex').slice(0, 32);
}
