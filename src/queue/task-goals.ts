import { QueueKeys } from 'bullmq';
import { fieldOf, parseForeign } from '../base/foreign.ts';
import { taskIdOf } from '../base/ids.ts';
import type { Redis } from '../redis/connection.ts';
import { repliesOf } from '../redis/replies.ts';
import { laneOf } from './names.ts';

/** A larger job is not read. */
const MAX_JOB_BYTES = 256 * 1024;
/** The jobs after those of this size together are not read. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Names the job of a task. */
export type JobName = { batch_id: string; index: number; provider: string };

/**
 * Reads the goals of tasks from their jobs, by index. Leaves out a task whose job is gone, is too large or does not
 * parse.
 */
export async function goalsIn(redis: Redis, prefix: string, jobs: readonly JobName[]): Promise<readonly string[]> {
  const queues = new QueueKeys(prefix);
  const keyed = jobs.map(({ batch_id, index, provider }) => {
    return { index, key: queues.toKey(laneOf(provider), taskIdOf(batch_id, index)) };
  });
  const sizes = redis.pipeline();
  for (const { key } of keyed) sizes.hstrlen(key, 'data');
  const small = withinSize(keyed, (await repliesOf(sizes)).map(Number));
  const texts = redis.pipeline();
  for (const { key } of small) texts.hget(key, 'data');
  const goals: string[] = [];
  for (const [at, text] of (await repliesOf(texts)).entries()) {
    const goal = goalIn(text);
    const job = small[at];
    if (job && goal !== undefined) goals[job.index] = goal;
  }
  return goals;
}

function withinSize<T>(keyed: readonly T[], sizes: readonly number[]): T[] {
  let bytes = 0;
  return keyed.filter((_, at) => {
    const size = sizes[at] ?? 0;
    if (size === 0 || size > MAX_JOB_BYTES || bytes + size > MAX_BYTES) return false;
    bytes += size;
    return true;
  });
}

function goalIn(text: unknown): string | undefined {
  try {
    const goal = typeof text === 'string' ? fieldOf(parseForeign(text), 'task', 'goal') : undefined;
    return typeof goal === 'string' ? goal : undefined;
  } catch {
    return undefined;
  }
}
