import type { Outcome } from '../contract/outcome.ts';
import type { SecretReader } from '../credentials/secrets.ts';
import { goalsIn } from '../queue/task-goals.ts';
import { awaitReady, closeRedis, openFailFastRedis } from '../redis/connection.ts';
import type { Config } from './config.ts';
import { redisOf } from './redis-settings.ts';

const CONNECT_WITHIN_MS = 3_000;

/**
 * Reads the goals of tasks by index. Goals are an aid for the reader of a table: a goal that cannot be read, such as
 * that of an expired job, is left out, and nothing is thrown.
 */
export async function readGoals(
  config: Config,
  secrets: SecretReader,
  outcomes: readonly Outcome[],
): Promise<readonly string[]> {
  const redis = openFailFastRedis({ target: redisOf(config, secrets), onError: () => undefined });
  const jobs = outcomes.flatMap(({ batch_id, index, route }) => {
    return route ? [{ batch_id, index, provider: route.provider }] : [];
  });
  try {
    await awaitReady(redis, CONNECT_WITHIN_MS);
    return await goalsIn(redis, config.prefix, jobs);
  } catch {
    return []; // the table is shown without the goals
  } finally {
    closeRedis(redis);
  }
}
