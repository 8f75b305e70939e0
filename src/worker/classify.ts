import type { CancelFlag } from '../contract/batch.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { isRedisFault } from '../redis/faults.ts';

/**
 * The error an attempt ended with. The reason of an abort beats whatever was thrown because of it, so the first reason wins.
 * The client waits while Redis refuses commands, so an error reply of Redis means that a command was cut in the middle. Any
 * other unexpected error is `INTERNAL`, never a success.
 */
export function errorOf(thrown: unknown, signal?: AbortSignal): ErrandError {
  const cause = signal?.aborted && !isErrandError(thrown, 'ATTEMPT_SUPERSEDED') ? signal.reason : thrown;
  if (isErrandError(cause)) return cause;
  if (isRedisFault(cause) && cause instanceof Error && cause.name === 'ReplyError') {
    return new ErrandError('REDIS_UNAVAILABLE', `Redis interrupted a command: ${cause.message}`, { cause });
  }
  return new ErrandError('INTERNAL', `unexpected error: ${messageOf(cause)}`, { cause });
}

/** What an attempt ends with that was cancelled, with the flag that says by what reason and when. */
export class AttemptCancelled extends ErrandError {
  readonly flag: CancelFlag;

  constructor(flag: CancelFlag) {
    super('ATTEMPT_CANCELLED', `cancelled: ${flag.reason}`);
    this.flag = flag;
  }
}
