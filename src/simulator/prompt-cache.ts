import { createHash } from 'node:crypto';
import type { ModelCall } from './model-call.ts';
import type { PromptBytes } from './prompt-bytes.ts';

/** The maximum number of prefixes that can be read. One more removes the oldest. */
const MAX_PREFIXES = 50_000;
const CHARACTERS_PER_TOKEN = 4;

/** The tokens of a prompt that are read from the cache, and those that its answer writes to it. */
export type CacheUse = { read: number; written: number };

type Prefix = { offset: number; digest: string };

/**
 * The prompt caches of the providers, judged by the bytes of the requests. A prefix belongs to one wire, path, key, model
 * and effort. It can be read after the first answer to a request with it has ended.
 */
export class PromptCache {
  readonly #readable = new Set<string>();

  /** Tells how much of a prompt can be read now. Call `end` when the answer has ended as it should. */
  look(call: ModelCall): { use: CacheUse; end: () => void } {
    const { prompt } = call;
    if (prompt === null) return { use: { read: 0, written: 0 }, end: () => undefined };
    const { reads, writes } = prefixesOf(call, prompt);
    const read = Math.max(0, ...reads.filter(({ digest }) => this.#readable.has(digest)).map(({ offset }) => offset));
    const written = prompt.isWriteBilled ? Math.max(read, ...writes.map(({ offset }) => offset)) - read : 0;
    return {
      use: { read: Math.floor(read / CHARACTERS_PER_TOKEN), written: Math.floor(written / CHARACTERS_PER_TOKEN) },
      end: () => this.#add(writes),
    };
  }

  #add(prefixes: readonly Prefix[]): void {
    for (const { digest } of prefixes) this.#readable.add(digest);
    for (const oldest of this.#readable) {
      if (this.#readable.size <= MAX_PREFIXES) break;
      this.#readable.delete(oldest);
    }
  }
}

function prefixesOf(call: ModelCall, { text, reads, writes }: PromptBytes): { reads: Prefix[]; writes: Prefix[] } {
  const { wire, path, key, model, effort } = call;
  const hash = createHash('sha256').update(JSON.stringify([wire, path, key, model, effort]));
  const digests = new Map<number, string>();
  let from = 0;
  for (const offset of [...new Set([...reads, ...writes])].sort((a, b) => a - b)) {
    hash.update(text.slice(from, offset));
    digests.set(offset, hash.copy().digest('base64'));
    from = offset;
  }
  const prefixesAt = (offsets: number[]) =>
    offsets.map((offset): Prefix => ({ offset, digest: digests.get(offset) ?? '' }));
  return { reads: prefixesAt(reads), writes: prefixesAt(writes) };
}
