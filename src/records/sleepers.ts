import { parseTaskId } from '../base/ids.ts';
import { ProviderName } from '../contract/route.ts';
import type { Wake } from '../contract/task.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from './keys.ts';

/** Returns the name of the job of a task, with the provider of its lane, for the sets of the waiting tasks. */
export function jobNameOf(taskId: string, provider: string): string {
  return `${taskId}@${provider}`;
}

/** Reads names made by {@link jobNameOf}. Skips any other text, because its parts would become the name of a key. */
export function wakesIn(names: readonly string[]): Wake[] {
  return names.flatMap((name) => {
    const [taskId = '', provider = '', ...more] = name.split('@');
    const isWake = parseTaskId(taskId) !== null && ProviderName.safeParse(provider).success && more.length === 0;
    return isWake ? [{ taskId, provider }] : [];
  });
}

/** Reads the tasks of a batch, or the one task, whose jobs wait for a place or for their time. */
export async function readSleepers(redis: Redis, keys: Keys, id: string): Promise<Wake[]> {
  const batchId = parseTaskId(id)?.batchId ?? id;
  const parked = await redis.zrange(keys.parked(batchId), '0', '-1');
  const resting = await redis.smembers(keys.resting(batchId));
  return wakesIn([...parked, ...resting]).filter(({ taskId }) => id === batchId || taskId === id);
}
