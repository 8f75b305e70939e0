import type { Queue } from 'bullmq';
import { ErrandError } from '../errors.ts';
import type { Redis } from '../redis/connection.ts';

/** The number of jobs that are searched, and removed, at a time. */
const CHUNK = 500;

/** Why jobs of an earlier batch with the same key can be left in the queue. */
export type Leftover = 'its records have expired' | 'its batch job was removed';
const EXPIRED: Leftover = 'its records have expired';

/**
 * Removes the ended jobs of an earlier batch with the same id, whose records have expired.
 *
 * Otherwise BullMQ would take them for jobs of the new batch: a completed job would not run, and a failed job would
 * block its batch without end. Each job is removed by a short script of its own, without its children: see
 * docs/internals/bullmq.md#removing-a-parent.
 *
 * @throws ErrandError `IDEMPOTENCY_CONFLICT` if one of the jobs has not ended.
 */
export async function removeEnded(redis: Redis, queue: Queue, ids: string[], why: Leftover = EXPIRED): Promise<void> {
  for (let from = 0; from < ids.length; from += CHUNK) {
    const found = await existingIds(redis, queue, ids.slice(from, from + CHUNK));
    const jobs = (await Promise.all(found.map((id) => queue.getJob(id)))).filter((job) => job !== undefined);
    const running = jobs.find((job) => job.finishedOn === undefined);
    if (running?.id) throw stillQueued(running.id, why);
    await Promise.all(jobs.map((job) => job.remove({ removeChildren: false })));
  }
}

/** The error for an unfinished job of an earlier batch with the same key. */
export function stillQueued(jobId: string, why: Leftover = EXPIRED): ErrandError {
  return new ErrandError(
    'IDEMPOTENCY_CONFLICT',
    `the idempotency key was used before: ${why}, but its job ${jobId} is still in the queue`,
    { remedy: 'Use a new key, or wait until the earlier jobs have ended.' },
  );
}

/** Returns the ids for which the queue has a job. If no job exists, which is common, this costs one command. */
export async function existingIds(redis: Redis, queue: Queue, ids: string[]): Promise<string[]> {
  const keys = ids.map((id) => queue.toKey(id));
  if (keys.length === 0 || (await redis.exists(...keys)) === 0) return [];
  const pipeline = redis.pipeline();
  for (const key of keys) pipeline.exists(key);
  const replies = (await pipeline.exec()) ?? [];
  return ids.filter((_, position) => {
    const [error, found] = replies[position] ?? [];
    if (error) throw error;
    return found === 1;
  });
}
