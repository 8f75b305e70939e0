import type { Redis } from 'ioredis';
import { byteLength } from '../base/text.ts';
import { Metadata } from '../contract/task.ts';
import { Keys, partsOf } from './keys.ts';
import { readEntry } from './read-record.ts';
import { typedRepliesOf } from './replies.ts';

/** How long the copies of a batch are kept if no worker settles it. */
const KEPT_SECONDS = 30 * 24 * 3600;
/** The size of one write. */
const WRITE_BYTES = 1024 * 1024;

/**
 * Copies of the metadata of tasks, for outcomes of tasks whose job is gone or does not parse. A task without metadata has no
 * copy. The copies of a batch are removed when it settles.
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
    const pipeline = this.#redis.pipeline();
    pipeline.hget(this.#keys.taskMetadata(batchId), String(index));
    const [text] = await typedRepliesOf(pipeline);
    return typeof text === 'string' ? (readEntry(Metadata, text) ?? undefined) : undefined;
  }

  async #write(batchId: string, fields: string[]): Promise<void> {
    const key = this.#keys.taskMetadata(batchId);
    await this.#redis.hset(key, ...fields);
    await this.#redis.expire(key, KEPT_SECONDS);
  }
}
