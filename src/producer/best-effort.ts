import type { CancelFlag } from '../contract/batch.ts';
import { isErrandError, messageOf } from '../errors.ts';
import type { Flagging } from '../records/batch-records.ts';
import { type RedisClient, unavailable } from '../redis/connection.ts';

/** Ends the listening to a channel. */
type Stop = () => Promise<void>;

/** Resolves as the listening does. A user without the right to the channel hears nothing, and polls instead. */
export async function unlessDenied(listening: Promise<Stop>): Promise<Stop> {
  return listening.catch((error: unknown) => {
    if (isErrandError(error, 'REDIS_DENIED')) return async () => undefined;
    throw error;
  });
}

/** What cancelling came to. Cancelling a finished thing says so. `warnings`: what did not work although the cancel took effect. */
export type Cancelling =
  | { status: 'cancelled'; flag: CancelFlag; warnings?: string[] }
  | Exclude<Flagging, { status: 'cancelled' | 'missing' }>;

/**
 * Turns into warnings, each with its remedy, what did not work after the cancel took effect: workers were not told, waiting tasks
 * were not woken. A worker ends the tasks later.
 */
export async function warnedOf(
  { status, flag, untold }: Extract<Flagging, { status: 'cancelled' }>,
  waking: Promise<unknown>,
  redis: RedisClient,
  prefix: string,
): Promise<Cancelling> {
  const trouble = await waking.then(() => null, mendable);
  const denied = () => mendable(unavailable(redis, new Error(untold), prefix, 'producer'));
  const warnings = [
    ...(untold ? [`the workers were not told, and find the cancel within seconds: ${denied()}`] : []),
    ...(trouble === null ? [] : [`waiting tasks were not woken, and a worker ends them later: ${trouble}`]),
  ];
  return { status, flag, ...(warnings.length > 0 && { warnings }) };
}

function mendable(error: unknown): string {
  return isErrandError(error) ? `${error.message}. ${error.remedy}` : messageOf(error);
}
