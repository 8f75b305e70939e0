/**
 * What should happen next to the task that met a failure.
 *
 * - `retry`: run it again after a back-off; spends one of its attempts.
 * - `discard`: it has ended; running it again would not help.
 * - `defer`: run it again at a known time; spends no attempt.
 * - `requeue`: hand it back to the head of its lane at once; spends no attempt.
 * - `surrender`: the task is no longer ours; say nothing, its new owner speaks for it.
 */
export type Disposition = 'retry' | 'discard' | 'defer' | 'requeue' | 'surrender';

/** Who a failure is traced to. */
export type Origin =
  | 'input'
  | 'credential'
  | 'provider'
  | 'child'
  | 'budget'
  | 'attempt'
  | 'infrastructure'
  | 'internal';

type FailureSpec = { origin: Origin; disposition: Disposition; means: string; remedy: string };

/** Every code Errand reports, with what it means, what happens next, and what a person can do about it. */
export const FAILURES = {
  BATCH_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means: 'The batch does not fit the contract; nothing was enqueued.',
    remedy: 'Fix the fields that are named, then enqueue the batch again.',
  },
  IDEMPOTENCY_CONFLICT: {
    origin: 'input',
    disposition: 'discard',
    means: 'The idempotency key was used before with another batch.',
    remedy: 'Use a new key for a new batch, or send the first batch again unchanged.',
  },
  NOT_FOUND: {
    origin: 'input',
    disposition: 'discard',
    means: 'No batch, task or worker of this name is on record.',
    remedy: 'Check the name; records are kept for the retention time only.',
  },
  WORKER_ALIVE: {
    origin: 'input',
    disposition: 'discard',
    means: 'The worker whose rows were to be closed gave a sign of life a moment ago.',
    remedy: 'Leave its rows to itself; stop it first, where it is to go.',
  },
  CONFIG_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means: 'The configuration does not parse.',
    remedy: 'Fix the setting that the message names.',
  },
  USAGE_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means:
      'The command line, or an argument of a call, does not fit: an unknown command or option, or a missing, repeated or wrong value.',
    remedy: 'Run the command with --help; it lists the options and their values. In a program, correct the argument.',
  },
  FILE_NOT_FOUND: {
    origin: 'input',
    disposition: 'discard',
    means: 'The file that was named does not exist.',
    remedy: 'Check the name; a relative name starts at the working directory.',
  },
  ADDRESS_IN_USE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'Another process already listens at this address and port.',
    remedy: 'Stop that process, or choose another port.',
  },
  TASK_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means: 'A task job does not parse.',
    remedy: 'Enqueue the task again with a producer of Errand; look for another program that writes to the lane.',
  },
  VERSION_TOO_NEW: {
    origin: 'input',
    disposition: 'discard',
    means: 'The task needs a newer version of Errand than any worker that serves its lane.',
    remedy: 'Upgrade the workers to the version of the producer, then enqueue the task again.',
  },
  ROUTE_UNSUPPORTED: {
    origin: 'input',
    disposition: 'discard',
    means: 'The route names a provider, model or effort that this deployment does not offer.',
    remedy: 'Choose one of those the message lists, or declare the provider in errand.config.yaml.',
  },
  LANE_UNSERVED: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'No worker has served the lane of the task for as long as tasks.unserved_ms allows.',
    remedy: 'Start a worker that has the provider of the task in its configuration, then enqueue the task again.',
  },
  BATCH_REJECTED: {
    origin: 'credential',
    disposition: 'discard',
    means: 'Another task of the batch has an unusable route, and admission is by batch.',
    remedy: 'Fix the route that the message names, or enqueue with admission "task".',
  },
  CREDENTIAL_MISSING: {
    origin: 'credential',
    disposition: 'discard',
    means: 'No source has the credential of the provider.',
    remedy: 'Set the variable that the message names, or mount the file, on every worker.',
  },
  CREDENTIAL_REJECTED: {
    origin: 'credential',
    disposition: 'discard',
    means: 'The provider refused the credential (401 or 403).',
    remedy: 'Replace the credential; check its project, its permissions and its expiry.',
  },
  CREDENTIAL_REPLACED: {
    origin: 'credential',
    disposition: 'requeue',
    means: 'The provider refused a key that has been replaced since; the task goes on with the new one.',
    remedy: 'Nothing. To avoid it, let the old key live for as long as tasks run.',
  },
  PROVIDER_QUOTA_EXHAUSTED: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The account behind the credential is out of quota or credit.',
    remedy: 'Raise the limit or top up the account; waiting does not help.',
  },
  PROVIDER_RATE_LIMITED: {
    origin: 'provider',
    disposition: 'defer',
    means: 'The provider answered 429; the task comes back when the provider said so.',
    remedy:
      'Lower worker.concurrency, or max_concurrent of the batch, or pause the lane; or ask the provider for a higher limit.',
  },
  PROVIDER_OVERLOADED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The provider is overloaded (503 or 529).',
    remedy: 'Nothing, if it passes; otherwise pause the lane or route elsewhere.',
  },
  PROVIDER_FAILED: {
    origin: 'provider',
    disposition: 'retry',
    means:
      'The provider failed (5xx, 408, 409, 421, 423-425, 498, 499, an error event, an unknown stop reason, a failed tool call).',
    remedy: "Look at the provider's status page; the request id is in the failure.",
  },
  PROVIDER_UNREACHABLE: {
    origin: 'provider',
    disposition: 'retry',
    means: 'No connection to the provider, or it broke.',
    remedy: 'Check name resolution, TLS, egress rules and the base URL in the configuration.',
  },
  PROVIDER_ADDRESS_REFUSED: {
    origin: 'provider',
    disposition: 'retry',
    means:
      'The name of the provider resolves only to addresses that Errand does not connect to, such as link-local ones.',
    remedy: 'Correct base_url of the provider or its DNS record, or set its allow_link_local: true.',
  },
  PROVIDER_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'No response headers came within the limit.',
    remedy: 'Raise timeouts.headers_ms of the provider if it is merely slow.',
  },
  PROVIDER_FIRST_TOKEN_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The response began, and its first event did not come within the limit.',
    remedy: 'Raise the limit that the message names if the model thinks for long before it speaks.',
  },
  PROVIDER_STREAM_STALLED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The stream fell silent for longer than the limit, before its terminal event.',
    remedy: 'Raise the limit that the message names if the model pauses for long.',
  },
  PROVIDER_TURN_TIMED_OUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'One model call took longer than a turn may.',
    remedy: 'Raise the limit that the message names, or ask for less in one turn.',
  },
  PROVIDER_STREAM_CUT: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The stream ended before its terminal event, so the turn is not complete.',
    remedy: 'Nothing, if it passes; otherwise look for a proxy that cuts long responses.',
  },
  PROVIDER_MALFORMED: {
    origin: 'provider',
    disposition: 'retry',
    means: 'The provider sent something that is not its protocol.',
    remedy: 'Check that the base URL and the wire of the provider belong together.',
  },
  PROVIDER_REPLY_TOO_LARGE: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The reply of one turn is larger than Errand stores: 3 MiB, 128 tool calls or 1,024 blocks.',
    remedy: 'Ask for less in one turn, or lower budget.output_tokens_per_turn. A retry would pay for the same reply.',
  },
  PROVIDER_REFUSED_REQUEST: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The provider refused the request as wrong (400, 404, 413, 422).',
    remedy: 'Check the model name and the size of goal and context.',
  },
  CONTEXT_TOO_LONG: {
    origin: 'provider',
    disposition: 'discard',
    means: 'The conversation no longer fits the context window of the model.',
    remedy: 'Shorten goal and context, or route to a model with a larger window.',
  },
  CHILD_REFUSED: {
    origin: 'child',
    disposition: 'discard',
    means: 'The model declined the task, or a content filter of its provider did.',
    remedy: 'Reword the goal, or route it to another model.',
  },
  CHILD_EMPTY_ANSWER: {
    origin: 'child',
    disposition: 'discard',
    means: 'The child ended without an answer.',
    remedy: 'Raise the token budget, or ask for less in one task.',
  },
  CHILD_TOOL_TIMED_OUT: {
    origin: 'child',
    disposition: 'retry',
    means: 'A tool passed its limit and did not stop when it was told to.',
    remedy: 'Fix the tool so that it heeds its signal; raise watchdogs.tool_ms if it is merely slow.',
  },
  WORKSPACE_UNAVAILABLE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means:
      'The workspace could not be made, or its files could not be written, written again or read: the disk is full or fails.',
    remedy: 'Free space on the disk of worker.workspace_root, or raise its quota; the message says what failed.',
  },
  CHILD_NO_PROGRESS: {
    origin: 'child',
    disposition: 'discard',
    means: 'The child made the same tool calls with the same results, turn after turn.',
    remedy:
      'Reword the goal, or route it to another model; raise watchdogs.turns_without_progress if it waits for something.',
  },
  BUDGET_TURNS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The child used all its turns.',
    remedy: 'Raise budget.turns, or split the task.',
  },
  BUDGET_TOKENS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The child used all its tokens.',
    remedy: 'Raise budget.tokens, or split the task.',
  },
  BUDGET_TOOL_CALLS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The model asked for more tool calls in one turn than budget.tool_calls_per_turn allows; none of them ran.',
    remedy: 'Ask for less in one turn, or raise budget.tool_calls_per_turn, up to 128.',
  },
  BUDGET_SECONDS: {
    origin: 'budget',
    disposition: 'discard',
    means: 'The task ran out of wall-clock time.',
    remedy: 'Raise budget.seconds, or split the task.',
  },
  ATTEMPT_CANCELLED: {
    origin: 'attempt',
    disposition: 'discard',
    means: 'Someone cancelled the task or its batch.',
    remedy: 'Nothing; enqueue the task again if it was a mistake.',
  },
  ATTEMPT_DRAINED: {
    origin: 'attempt',
    disposition: 'requeue',
    means: 'The worker is going away and handed the task back.',
    remedy: 'Nothing; another worker goes on from the last recorded turn.',
  },
  ATTEMPT_LOCK_LOST: {
    origin: 'attempt',
    disposition: 'surrender',
    means: 'The worker lost its lock on the task, so another may own it.',
    remedy: 'Look for a frozen event loop or an unreachable Redis at that time.',
  },
  ATTEMPT_SUPERSEDED: {
    origin: 'attempt',
    disposition: 'surrender',
    means: 'A newer attempt of the task is on record; what this one writes is refused.',
    remedy: 'Look for a paused worker; the newer attempt is the one that counts.',
  },
  ATTEMPT_STALLED_OUT: {
    origin: 'attempt',
    disposition: 'discard',
    means: 'The queue ended the task without an outcome from any worker.',
    remedy: 'Look for workers that are killed while they run this task.',
  },
  TASK_REMOVED: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'The job of the task was removed from the queue before the task had ended.',
    remedy: 'Enqueue the task again. Look for a person or a program that removes jobs from the lane.',
  },
  CRASH_LOOP: {
    origin: 'attempt',
    disposition: 'discard',
    means:
      'Three attempts of the task were lost without a word and without a turn between them: it seems to kill its worker.',
    remedy: 'Read the attempts in the record; look for memory, for a tool that crashes, for the input itself.',
  },
  ENQUEUE_INCOMPLETE: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'The producer vanished before it had added this task, and did not come back in time.',
    remedy: 'Enqueue the missing tasks in a new batch; use an idempotency key so that a retry can complete it.',
  },
  BATCH_LOST: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'The batch was enqueued and is gone: Redis lost its data, or another tool removed its records or its job.',
    remedy: 'Enqueue the batch again. Look at the durability of Redis: errand doctor says what it lacks.',
  },
  RECORD_UNREADABLE: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'A record does not parse: it was written by a newer version, or damaged.',
    remedy: 'Upgrade the reader to the version of the workers; the record itself is left as it is.',
  },
  REDIS_UNAVAILABLE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'Redis did not answer.',
    remedy: 'Check REDIS_URL and that Redis runs; enqueueing again is safe with an idempotency key.',
  },
  REDIS_DENIED: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'The Redis user lacks the right to a command, a key or a channel.',
    remedy: 'Give the user the rights of its role: errand doctor prints the ACL SETUSER command.',
  },
  REDIS_FULL: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'The memory of Redis is full, so it refuses writes.',
    remedy: 'Raise maxmemory of Redis or free memory; enqueueing again is safe with an idempotency key.',
  },
  REDIS_UNSUITABLE: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'Redis is too old, evicts keys, is the wrong node of a cluster, or no server can be started.',
    remedy: 'Follow the message: it says which setting, address or package is needed.',
  },
  INTERNAL: {
    origin: 'internal',
    disposition: 'retry',
    means: 'Something Errand did not foresee: a bug until shown otherwise.',
    remedy: 'Report it with the failure record.',
  },
} as const satisfies Record<string, FailureSpec>;

/** A stable failure code: a key of {@link FAILURES}. */
export type FailureCode = keyof typeof FAILURES;

/** All codes, for schemas and for the test that compares them with the docs. */
export const FAILURE_CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

/** Tells whether a code is in the table: a record may have a code of a newer version. */
export function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

/** One thing wrong with an input: where it is and what was expected there. */
export type Problem = { path: string; message: string; index?: number; code?: 'ROUTE_UNSUPPORTED' };

/** What an {@link ErrandError} may carry beside its code and message. */
export type ErrandErrorDetails = {
  cause?: unknown;
  /** Overrides the remedy of the code, where more is known. */
  remedy?: string;
  /** How long the provider asked us to wait. */
  retryAfterMs?: number;
  /** HTTP status of the provider's answer. */
  httpStatus?: number;
  /** The provider's own id of the request. */
  requestId?: string;
  /** Everything wrong with an input, in the order found. */
  problems?: Problem[];
  /** What was read in another way than it was written, which may explain the problems. */
  warnings?: string[];
  /** The reader version that a record or job needs, if it is newer than this reader. */
  needs?: number;
  /** The batch of the call, if Redis may have it. */
  batchId?: string;
};

/**
 * The only error class of Errand. Thrown is an *error*; stored is a `Failure` (`contract/failure.ts`).
 *
 * The message names the thing, what was expected and what came, and never a secret.
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
