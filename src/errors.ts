import { ATTEMPT_FAILURES } from './contract/failures/attempt.ts';
import { CHILD_FAILURES } from './contract/failures/child.ts';
import { INFRASTRUCTURE_FAILURES } from './contract/failures/infrastructure.ts';
import { PROVIDER_FAILURES } from './contract/failures/provider.ts';
import { SUBMISSION_FAILURES } from './contract/failures/submission.ts';

/**
 * Every code that Errand reports: what it means, what happens next, and what a person can do. To add a code, add a row
 * to its family and run `npm run docs:generate`.
 */
export const FAILURES = {
  ...SUBMISSION_FAILURES,
  ...PROVIDER_FAILURES,
  ...CHILD_FAILURES,
  ...ATTEMPT_FAILURES,
  ...INFRASTRUCTURE_FAILURES,
} as const;

/** A stable failure code: a key of {@link FAILURES}. */
export type FailureCode = keyof typeof FAILURES;

/** All codes, in the order of the docs. */
export const FAILURE_CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

/** Tells whether a code is in the table: a record may have a code of a newer version. */
export function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

/** One problem of an input: its path, and what was expected there. */
export type Problem = { path: string; message: string; index?: number; code?: 'ROUTE_UNSUPPORTED' };

/** What an {@link ErrandError} may carry beside its code and message. */
export type ErrandErrorDetails = {
  cause?: unknown;
  /** Replaces the remedy of the code, if more is known. */
  remedy?: string;
  /** How long the provider asked to wait. */
  retryAfterMs?: number;
  /** HTTP status of the provider's answer. */
  httpStatus?: number;
  /** The provider's own id of the request. */
  requestId?: string;
  /** All problems of an input, in the order in which they were found. */
  problems?: Problem[];
  /** Values that were read in another way than they were written. They may explain the problems. */
  warnings?: string[];
  /** The reader version that a record or job needs, if it is newer than this reader. */
  needs?: number;
  /** The id of the batch, if Redis may have the batch. */
  batchId?: string;
};

/**
 * The error that Errand throws. Its stored form is a `Failure` (`contract/failure.ts`).
 *
 * The message says what failed, with its name or value, and what was expected. It never has a secret.
 */
export class ErrandError extends Error {
  override readonly name = 'ErrandError';
  readonly code: FailureCode;
  readonly remedy: string;
  readonly retryAfterMs: number | undefined;
  readonly httpStatus: number | undefined;
  readonly requestId: string | undefined;
  readonly problems: Problem[];
  readonly warnings: string[];
  readonly needs: number | undefined;
  readonly batchId: string | undefined;

  constructor(code: FailureCode, message: string, details: ErrandErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.remedy = details.remedy ?? FAILURES[code].remedy;
    this.retryAfterMs = details.retryAfterMs;
    this.httpStatus = details.httpStatus;
    this.requestId = details.requestId;
    this.problems = details.problems ?? [];
    this.warnings = details.warnings ?? [];
    this.needs = details.needs;
    this.batchId = details.batchId;
  }
}

/** Tells whether something thrown is an {@link ErrandError}, optionally of one code. */
export function isErrandError(error: unknown, code?: FailureCode): error is ErrandError {
  return error instanceof ErrandError && (code === undefined || error.code === code);
}

/** Returns the message of anything thrown. It never throws, although a proxy or a getter may. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'an error without a readable message';
  }
}
