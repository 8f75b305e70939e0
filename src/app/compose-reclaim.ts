import { HandBack } from '../queue/hand-back.ts';
import type { RedisClient } from '../redis/connection.ts';
import { isRedisFault } from '../redis/faults.ts';
import { note } from '../telemetry/observer.ts';
import { DeathWatch } from '../worker/holding/death-watch.ts';
import { Reclaim, type ReclaimDeps } from '../worker/holding/reclaim.ts';
import type { Disposables } from './disposables.ts';

/** What reclaiming needs. `providers`: the providers whose lanes are searched for jobs of dead workers. */
export type ReclaimParts = Omit<ReclaimDeps, 'handBack'> & {
  redis: RedisClient;
  prefix: string;
  providers: readonly string[];
};

/** Registers the worker, starts reclaiming, and watches for other workers on this host that die. */
export async function startReclaim(parts: ReclaimParts, opened: Disposables): Promise<Reclaim> {
  const { redis, prefix, providers, observer } = parts;
  const onError = (error: unknown) => {
    if (!isRedisFault(error)) note(observer, { name: 'fault', where: 'reclaim', error });
  };
  const handBack = opened.add(new HandBack({ redis, prefix, providers, onError }), (handing) => handing.close());
  const reclaim = opened.add(new Reclaim({ ...parts, handBack }), (started) => started.stop());
  await reclaim.start();
  const watch = new DeathWatch({ ...parts, onDeath: (worker) => reclaim.attend(worker, 'reclaim'), onError });
  opened.add(watch, async (watching) => watching.stop()).start();
  return reclaim;
}
