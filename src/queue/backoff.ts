import type { Job } from 'bullmq';

/** The name under which a task job asks for {@link backoffMs}. */
export const BACKOFF = 'capped';

/** The longest wait between two tries: doubling alone comes to days with the 18th and to years with the 26th. */
const MAX_MS = 3_600_000;

/**
 * How long a task waits for its next try, in milliseconds: doubled from the first wait of its job up to an hour, with up to
 * half of it taken off by chance, so that tasks that failed together do not come back together.
 */
export function backoffMs(triesMade: number, job: Pick<Job, 'opts'>): number {
  const { backoff } = job.opts;
  const firstMs = typeof backoff === 'object' ? (backoff.delay ?? 0) : (backoff ?? 0);
  const waitMs = Math.min(firstMs * 2 ** (triesMade - 1), MAX_MS);
  return Math.floor(waitMs * (1 - Math.random() / 2));
}
