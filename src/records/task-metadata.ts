import { byteLength } from '../base/text.ts';
import { Metadata } from '../contract/task.ts';
import type { Redis } from '../redis/connection.ts';
import { typedRepliesOf } from '../redis/replies.ts';
import { Keys, partsOf } from './keys.ts';
import { metadataInOutcome } from './read-outcome.ts';
import { readEntry } from './read-record.ts';

/** How long the copies of a batch are kept if no worker settles it. */
const KEPT_SECONDS = 30 * 24 * 3600;
/** The size of one write. */
const WRITE_BYTES = 1024 * 1024;

/**
 * Copies of the metadata of tasks, for the outcome of a task whose job is gone or does not parse. A task without
 * metadata has no copy. The copies of a batch are removed when it settles, unless one of its outcomes cannot be read.
 */
export class TaskMetadata {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Stores the metadata of tasks of a batch, in several writes if it is large. */
  async keep(batchId: string, tasks: readonly { index: number; metadata?: Metadata | undefined }[]): Promise<void> {
    let fields: string[] = [];
    let bytes = 0;
    for (const { index, metadata } of tasks) {
      if (metadata === undefined) continue;
      const text = JSON.stringify(metadata);
      fields.push(String(index), text);
      bytes += byteLength(text);
      if (bytes < WRITE_BYTES) continue;
      await this.#write(batchId, fields);
      [fields, bytes] = [[], 0];
    }
    if (fields.length > 0) await this.#write(batchId, fields);
  }

  /** Reads the copy of a task; `undefined` if it has no metadata, or the copy is gone or unreadable. */
  async of(taskId: string): Promise<Metadata | undefined> {
    const { batchId, index } = partsOf(taskId);
    const [metadata] = (await readCopies(this.#redis, this.#keys.taskMetadata(batchId), [index])) ?? [];
    return metadata;
  }

  /**
   * Reads the metadata of tasks of a batch: from the copies, or, once the batch has settled, from the outcomes. `null`
   * if the batch has neither.
   */
  async ofTasks(batchId: string, indexes: readonly number[]): Promise<(Metadata | undefined)[] | null> {
    const copies = await readCopies(this.#redis, this.#keys.taskMetadata(batchId), indexes);
    if (copies) return copies;
    const outcomes = await this.#redis.hmget(this.#keys.outcomes(batchId), ...indexes.map(String));
    if (outcomes.every((text) => text === null)) return null;
    return outcomes.map((text) => (text === null ? undefined : metadataInOutcome(text)));
  }

  async #write(batchId: string, fields: string[]): Promise<void> {
    const key = this.#keys.taskMetadata(batchId);
    await this.#redis.hset(key, ...fields);
    await this.#redis.expire(key, KEPT_SECONDS);
  }
}

/**
 * Reads the copies of the metadata of some tasks under one key, `undefined` for a task without one. Returns `null` if
 * there is no copy of any task of the batch.
 */
export async function readCopies(
  redis: Redis,
  key: string,
  indexes: readonly number[],
): Promise<(Metadata | undefined)[] | null> {
  const pipeline = redis.pipeline();
  pipeline.exists(key);
  pipeline.hmget(key, ...indexes.map(String));
  const [isThere, texts] = await typedRepliesOf(pipeline);
  if (isThere === 0) return null;
  return indexes.map((_, at) => {
    const text: unknown = Array.isArray(texts) ? texts[at] : undefined;
    return typeof text === 'string' ? (readEntry(Metadata, text) ?? undefined) : undefined;
  });
}
