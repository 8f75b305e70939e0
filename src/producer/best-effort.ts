import type { CancelFlag } from '../contract/batch.ts';
import { isErrandError, messageOf } from '../errors.ts';
import type { Flagging } from '../records/batch-records.ts';
import { type RedisClient, unavailable } from '../redis/connection.ts';

/** Ends the listening to a channel. */
type Stop = () => Promise<void>;

/** Waits for a subscription. Without the right to the channel it resolves too, and the caller polls instead. */
export async function unlessDenied(listening: Promise<Stop>): Promise<Stop> {
  return listening.catch((error: unknown) => {
    if (isErrandError(error, 'REDIS_DENIED')) return async () => undefined;
    throw error;
  });
}

/**
 * The result of a cancel. A finished batch or task is reported as such. `warnings`: steps that failed although the
 * cancel took effect.
 */
export type Cancelling =
  | { status: 'cancelled'; flag: CancelFlag; warnings?: string[] }
  | Exclude<Flagging, { status: 'cancelled' | 'missing' }>;

/**
 * Returns the result of a cancel, with a warning and its remedy for each step that failed after the cancel took effect:
 * notifying the workers, or waking waiting tasks. A worker ends these tasks later.
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
    ...(untold ? [`the workers were not notified and will find the cancel within seconds: ${denied()}`] : []),
    ...(trouble === null ? [] : [`waiting tasks were not woken; a worker ends them later: ${trouble}`]),
  ];
  return { status, flag, ...(warnings.length > 0 && { warnings }) };
}

function mendable(error: unknown): string {
  return isErrandError(error) ? `${error.message}. ${error.remedy}` : messageOf(error);
}
