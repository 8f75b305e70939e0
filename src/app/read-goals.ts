import { taskIdOf } from '../base/ids.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { SecretReader } from '../credentials/secrets.ts';
import { laneOf } from '../queue/names.ts';
import { awaitReady, closeRedis, openFailFastRedis } from '../redis/connection.ts';
import type { Config } from './config.ts';
import { redisOf } from './redis-settings.ts';

/** Larger jobs are not read, so that a table of large tasks stays quick. */
const MAX_JOB_BYTES = 256 * 1024;
const CONNECT_WITHIN_MS = 3_000;

/**
 * Reads the goals of tasks by index, from their jobs. Goals are an aid for the reader of a table: a goal that cannot be
 * read, such as that of an expired job, is left out, and nothing is thrown.
 */
export async function readGoals(
  config: Config,
  secrets: SecretReader,
  outcomes: readonly Outcome[],
): Promise<readonly string[]> {
  const redis = openFailFastRedis({ target: redisOf(config, secrets), onError: () => undefined });
  const goals: string[] = [];
  try {
    await awaitReady(redis, CONNECT_WITHIN_MS);
    for (const { batch_id: batchId, index, route } of outcomes) {
      if (!route) continue;
      const key = `${config.prefix}:${laneOf(route.provider)}:${taskIdOf(batchId, index)}`;
      if ((await redis.hstrlen(key, 'data')) > MAX_JOB_BYTES) continue;
      const goal = goalIn(await redis.hget(key, 'data'));
      if (goal !== undefined) goals[index] = goal;
    }
  } catch {
    // The table is shown without the goals.
  } finally {
    closeRedis(redis);
  }
  return goals;
}

function goalIn(data: string | null): string | undefined {
  try {
    const goal: unknown = JSON.parse(data ?? 'null')?.task?.goal;
    return typeof goal === 'string' ? goal : undefined;
  } catch {
    return undefined;
  }
}
