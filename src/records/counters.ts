import type { Counts } from '../contract/batch.ts';

/** The counters of a batch: how many tasks have ended with each status, and how many of their calls have an unknown cost. */
export const COUNTERS = ['n:succeeded', 'n:failed', 'n:rejected', 'n:cancelled', 'n:calls_of_unknown_cost'];

/** Reads the counters of a batch, in the order of {@link COUNTERS}; a missing counter is 0. */
export function countersIn(reply: unknown): { counts: Counts; ended: number; calls_of_unknown_cost?: number } {
  const numbers = (reply as (string | null)[]).map(Number);
  const [succeeded = 0, failed = 0, rejected = 0, cancelled = 0, unknown = 0] = numbers;
  const counts = { succeeded, failed, rejected, cancelled };
  const ended = succeeded + failed + rejected + cancelled;
  return { counts, ended, ...(unknown > 0 && { calls_of_unknown_cost: unknown }) };
}
