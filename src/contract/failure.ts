import { z } from 'zod';
import type { Redactor } from '../base/secret.ts';
import { clip, printable } from '../base/text.ts';
import { type ErrandError, FAILURE_CODES, FAILURES, messageOf } from '../errors.ts';
import { ORIGINS } from './failures/spec.ts';
import { stored } from './stored.ts';

/** The maximum length of a stored message and of a stored cause, in characters. */
const MESSAGE_CHARS = 1000;

/**
 * A code of the table in `errors.ts`, or of the table of a newer version: a reader that does not know the code must
 * still read how the task ended.
 */
export const FailureCodeText = z
  .string()
  .regex(/^[A-Z][A-Z_]{2,63}$/)
  .meta({ examples: [...FAILURE_CODES] });

/** The stored form of an error: without secrets, and with its causes as texts. */
export const Failure = stored({
  /** Version of this shape. */
  version: z.literal(1),
  /** Stable code. A newer worker may write a code that this version does not know. */
  code: FailureCodeText,
  /** What to look at first. */
  origin: z.enum(ORIGINS),
  /** What failed, with the value or the name. */
  message: z.string(),
  /** What to do. */
  remedy: z.string(),
  /** Messages of the causes, nearest first, at most five. */
  causes: z.array(z.string()),
  /** Status of the answer of the provider. */
  http_status: z.number().int().optional(),
  /** Id that the provider gave the request. */
  request_id: z.string().optional(),
  /** How long the provider asked to wait. */
  retry_after_ms: z.number().optional(),
});
export type Failure = z.infer<typeof Failure>;

/** Converts an error into the failure that is stored. Only this function makes failures. */
export function failureOf(error: ErrandError, redactor: Redactor): Failure {
  const { code, httpStatus, requestId, retryAfterMs } = error;
  // A control character may split a secret, so the text is scrubbed after these characters are gone.
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
