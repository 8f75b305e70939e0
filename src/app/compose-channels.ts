import { Channels } from '../records/channels.ts';
import { closeRedis, openSubscriberRedis, unavailable } from '../redis/connection.ts';
import { isRedisFault } from '../redis/faults.ts';
import type { RedisTarget } from '../redis/target.ts';
import { note, type Observer } from '../telemetry/observer.ts';
import type { ActiveAttempts } from '../worker/active-attempts.ts';
import type { Disposables } from './disposables.ts';

type Listening = {
  target: RedisTarget;
  prefix: string;
  active: ActiveAttempts;
  observer: Observer;
  onError: (error: unknown) => void;
};

/**
 * Opens the channels of a worker on a separate connection, and watches them for cancels of running tasks.
 *
 * A worker without the right to its channels does not start, because its deployment is wrong. A running worker that
 * loses the right logs a warning and continues: it also polls for cancels, so it only notices them later.
 *
 * @throws ErrandError `REDIS_DENIED`.
 */
export async function openChannels(
  { target, prefix, active, observer, onError }: Listening,
  opened: Disposables,
): Promise<Channels> {
  const redis = opened.add(openSubscriberRedis({ target, onError }), async (client) => closeRedis(client));
  const deniedOf = (error: unknown) => unavailable(redis, error, prefix);
  const channels = new Channels(redis, prefix, (trouble) => {
    note(observer, { name: 'channels', trouble: trouble === null ? null : deniedOf(trouble) });
  });
  await opened
    .add(active, (watching) => watching.close())
    .watch(channels, onError)
    .catch((error: unknown) => {
      throw isRedisFault(error) ? deniedOf(error) : error;
    });
  return channels;
}
