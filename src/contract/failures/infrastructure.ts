import type { FailureSpec } from './spec.ts';

/** What goes wrong around the tasks: records, Redis, and bugs of Errand. */
export const INFRASTRUCTURE_FAILURES = {
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
