import { isErrandError, messageOf } from '../errors.ts';
import type { Cancelling } from '../records/batch-records.ts';

/** Ends the listening to a channel. */
type Stop = () => Promise<void>;

/** Resolves as the listening does. A user without the right to the channel hears nothing, and polls instead. */
export async function unlessDenied(listening: Promise<Stop>): Promise<Stop> {
  return listening.catch((error: unknown) => {
    if (isErrandError(error, 'REDIS_DENIED')) return async () => undefined;
    throw error;
  });
}

/** Adds a warning if waking the waiting tasks failed: the cancel has taken effect, and a worker ends the tasks later. */
export async function warnedOf<C extends Cancelling>(cancelling: C, waking: Promise<unknown>): Promise<C> {
  const trouble = await waking.then(() => null, messageOf);
  if (trouble === null || cancelling.status !== 'cancelled') return cancelling;
  const warning = `waiting tasks were not woken, and a worker ends them later: ${trouble}`;
  return { ...cancelling, warnings: [...(cancelling.warnings ?? []), warning] };
}
