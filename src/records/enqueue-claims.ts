import type { Redis } from '../redis/connection.ts';
import { Keys } from './keys.ts';
import { CLAIM_ENQUEUE, RELEASE_CLAIM } from './scripts/batch.ts';

/** How long a producer may be silent before another producer may continue its batch, in milliseconds. */
const CLAIM_MS = 10_000;

/**
 * Decides which producer adds the jobs of a batch: two producers with the same key must not add them at the same time.
 */
export class EnqueueClaims {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /**
   * Claims the right to add the jobs of a batch for 10 s, or renews the claim; `false` while another producer has it.
   */
  async claim(batchId: string, token: string): Promise<boolean> {
    const keys = { claim: this.#keys.claim(batchId) };
    return CLAIM_ENQUEUE.run(this.#redis, { keys, args: { token, ttl_ms: CLAIM_MS } });
  }

  /** Releases the claim, if this producer has it. */
  async release(batchId: string, token: string): Promise<void> {
    await RELEASE_CLAIM.run(this.#redis, { keys: { claim: this.#keys.claim(batchId) }, args: { token } });
  }
}
