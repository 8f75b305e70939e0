import { CutSpend } from '../contract/spend.ts';
import type { Redis } from '../redis/connection.ts';
import { Keys } from './keys.ts';
import { readEntry } from './read-record.ts';
import { NOTE_SPEND } from './scripts/attempt.ts';

/** The records of the cost of calls without a recorded turn. They contain only numbers, so they need no masking. */
export class SpendRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Writes the cost of the cut-off calls of an attempt of any epoch, unless the task has its outcome. */
  async note(taskId: string, epoch: number, spend: CutSpend): Promise<void> {
    const keys = { task: this.#keys.task(taskId) };
    await NOTE_SPEND.run(this.#redis, { keys, args: { epoch, spend: JSON.stringify(spend) } });
  }

  /**
   * Reads the cost of the cut-off calls of attempts, by epoch. Includes a cost that was written after the task was
   * opened again, because an attempt that lost its lock may write late.
   */
  async of(taskId: string, epochs: readonly number[]): Promise<Map<number, CutSpend>> {
    const spends = new Map<number, CutSpend>();
    if (epochs.length === 0) return spends;
    const texts = await this.#redis.hmget(this.#keys.task(taskId), ...epochs.map((epoch) => `spend${epoch}`));
    for (const [at, epoch] of epochs.entries()) {
      const text = texts[at];
      const spend = text ? readEntry(CutSpend, text) : null;
      if (spend) spends.set(epoch, spend);
    }
    return spends;
  }

  /** The size of the context that all tasks of a batch share, in bytes. It is a part of each of their requests. */
  async contextBytes(batchId: string): Promise<number> {
    return this.#redis.hstrlen(this.#keys.batch(batchId), 'context');
  }
}
