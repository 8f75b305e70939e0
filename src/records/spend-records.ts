import type { Redis } from 'ioredis';
import type { CutSpend } from '../contract/spend.ts';
import { Keys } from './keys.ts';
import { NOTE_SPEND } from './task-scripts.ts';

/** The records of what the calls of a task cost that leave no turn. They hold figures alone, so nothing in them is masked. */
export class SpendRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Writes what the cut-off calls of an attempt cost, from whichever epoch, unless the task has its outcome. */
  async note(taskId: string, epoch: number, spend: CutSpend): Promise<void> {
    await NOTE_SPEND.run(this.#redis, [this.#keys.task(taskId)], [String(epoch), JSON.stringify(spend)]);
  }

  /** The size of the context that all tasks of a batch share, in bytes: a part of each of their requests. */
  async contextBytes(batchId: string): Promise<number> {
    return this.#redis.hstrlen(this.#keys.batch(batchId), 'context');
  }
}
