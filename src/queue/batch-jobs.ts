import type { Redis } from '../redis/connection.ts';
import { BATCH_QUEUE, laneOf } from './names.ts';

/** Tasks of a batch in one search, and the number of searches: together they cover a batch of 100,000 tasks. */
const SCANNED = 5_000;
const SCANS = 20;

/** Reads the jobs of batches and the state of lanes for a producer. It changes nothing. */
export class BatchJobs {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Whether the batch job is in the queue. */
  async exists(batchId: string): Promise<boolean> {
    return (await this.#redis.exists(this.#batch(batchId))) === 1;
  }

  /** Returns the lanes of this list that are paused. */
  async paused(lanes: readonly string[]): Promise<Set<string>> {
    const pipeline = this.#redis.pipeline();
    for (const lane of lanes) pipeline.hexists(`${this.#prefix}:${laneOf(lane)}:meta`, 'paused');
    const replies = (await pipeline.exec()) ?? [];
    return new Set(
      lanes.filter((_, at) => {
        const [error, isPaused] = replies[at] ?? [];
        if (error) throw error;
        return isPaused === 1;
      }),
    );
  }

  /** Whether an unfinished task of the batch has its job in the lane. */
  async hasTaskIn(batchId: string, lane: string): Promise<boolean> {
    const key = `${this.#batch(batchId)}:dependencies`;
    const pattern = `${this.#prefix}:${laneOf(lane)}:*`;
    let cursor = '0';
    for (let scan = 0; scan < SCANS; scan++) {
      const [next, found] = await this.#redis.sscan(key, cursor, 'MATCH', pattern, 'COUNT', SCANNED);
      if (found.length > 0) return true;
      if (next === '0') return false;
      cursor = next;
    }
    return true;
  }

  #batch(batchId: string): string {
    return `${this.#prefix}:${BATCH_QUEUE}:${batchId}`;
  }
}
