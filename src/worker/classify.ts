import type { Redactor } from '../base/secret.ts';
import { clip, printable } from '../base/text.ts';
import type { CancelFlag } from '../contract/batch.ts';
import type { Failure } from '../contract/failure.ts';
import { ErrandError, FAILURES, isErrandError, messageOf } from '../errors.ts';
import { isRedisFault } from '../redis/faults.ts';

/** The longest message and cause that go on record. */
const MESSAGE_CHARS = 1000;

/**
 * The error an attempt ended with. The reason of an abort beats whatever was thrown because of it, so the first reason wins.
 * The client waits while Redis refuses commands, so an error reply of Redis means that a command was cut in the middle. Any
 * other unexpected error is `INTERNAL`, never a success.
 */
export function errorOf(thrown: unknown, signal?: AbortSignal): ErrandError {
  const cause = signal?.aborted && !isErrandError(thrown, 'ATTEMPT_SUPERSEDED') ? signal.reason : thrown;
  if (isErrandError(cause)) return cause;
  if (isRedisFault(cause) && cause instanceof Error && cause.name === 'ReplyError') {
    return new ErrandError('REDIS_UNAVAILABLE', `Redis broke off a command: ${cause.message}`, { cause });
  }
  return new ErrandError('INTERNAL', `unforeseen: ${messageOf(cause)}`, { cause });
}

/** What an attempt ends with that was cancelled, with the flag that says by what reason and when. */
export class AttemptCancelled extends ErrandError {
  readonly flag: CancelFlag;

  constructor(flag: CancelFlag) {
    super('ATTEMPT_CANCELLED', `cancelled: ${flag.reason}`);
    this.flag = flag;
  }
}

/** Turns an error, which is thrown, into a failure, which is stored. The only place that does. */
export function failureOf(error: ErrandError, redactor: Redactor): Failure {
  const { code, httpStatus, requestId, retryAfterMs } = error;
  // A key with a control character in it is one again without: so it is scrubbed last.
  const text = (message: string) => clip(redactor.scrub(printable(message)), MESSAGE_CHARS);
  const causes: string[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < 5; ) {
    causes.push(text(messageOf(cause)));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return {
    version: 1,
    code,
    origin: FAILURES[code].origin,
    message: text(error.message),
    remedy: text(error.remedy),
    causes,
    ...(httpStatus !== undefined && { http_status: httpStatus }),
    ...(requestId !== undefined && { request_id: requestId }),
    ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
  };
}
