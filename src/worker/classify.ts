import type { CancelFlag } from '../contract/batch.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { isRedisFault } from '../redis/faults.ts';

/**
 * Returns the error that an attempt ended with. After an abort this is the reason of the abort, unless the attempt was
 * superseded: other errors follow from the abort. The client waits while Redis refuses commands, so an error reply of
 * Redis means that a command was interrupted. Any other unexpected error is `INTERNAL`.
 */
export function errorOf(thrown: unknown, signal?: AbortSignal): ErrandError {
  const cause = signal?.aborted && !isErrandError(thrown, 'ATTEMPT_SUPERSEDED') ? signal.reason : thrown;
  if (isErrandError(cause)) return cause;
  if (isRedisFault(cause) && cause instanceof Error && cause.name === 'ReplyError') {
    return new ErrandError('REDIS_UNAVAILABLE', `Redis interrupted a command: ${cause.message}`, { cause });
  }
  return new ErrandError('INTERNAL', `unexpected error: ${messageOf(cause)}`, { cause });
}

/** The error of a cancelled attempt, with the flag that holds the reason and the time. */
export class AttemptCancelled extends ErrandError {
  readonly flag: CancelFlag;

  constructor(flag: CancelFlag) {
    super('ATTEMPT_CANCELLED', `cancelled: ${flag.reason}`);
    this.flag = flag;
  }
}
