import type { Job } from 'bullmq';

/** The name under which a task job asks for {@link backoffMs}. */
export const BACKOFF = 'capped';

/**
 * The maximum wait between two tries. Doubling without a limit would reach days at the 18th try and years at the 26th.
 */
const MAX_MS = 3_600_000;

/**
 * Returns how long a task waits for its next try, in milliseconds: the first wait of its job, doubled with each try, up
 * to an hour. A random part, up to half, is subtracted, so that tasks that failed together do not retry together.
 */
export function backoffMs(triesMade: number, job: Pick<Job, 'opts'>): number {
  const { backoff } = job.opts;
  const firstMs = typeof backoff === 'object' ? (backoff.delay ?? 0) : (backoff ?? 0);
  const waitMs = Math.min(firstMs * 2 ** (triesMade - 1), MAX_MS);
  return Math.floor(waitMs * (1 - Math.random() / 2));
}
