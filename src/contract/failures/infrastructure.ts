import type { FailureSpec } from './spec.ts';

/** Failures around the tasks: records, Redis, and bugs in Errand. */
export const INFRASTRUCTURE_FAILURES = {
  ENQUEUE_INCOMPLETE: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'The producer stopped before it had added this task, and did not continue in time.',
    remedy:
      'Enqueue the missing tasks in a new batch. Set idempotency_key, so that a repeated enqueue completes the batch.',
  },
  BATCH_LOST: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'The batch no longer exists: Redis lost data, or another tool deleted its records or its job.',
    remedy: 'Enqueue the batch again. Run errand doctor: it checks the durability of Redis.',
  },
  RECORD_UNREADABLE: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'A record does not parse: a newer version wrote it, or it is damaged.',
    remedy: 'Upgrade the errand package of this process to the version of the workers. The record is unchanged.',
  },
  REDIS_UNAVAILABLE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'Redis did not answer.',
    remedy: 'Start Redis, or correct its address: export REDIS_URL=redis://127.0.0.1:6379. Then run errand doctor.',
  },
  REDIS_DENIED: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'The Redis user lacks the right to a command, a key or a channel.',
    remedy: 'Run errand doctor: it prints the ACL SETUSER command that grants the missing rights.',
  },
  REDIS_FULL: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'Redis has reached its maxmemory and refuses writes.',
    remedy: 'Raise maxmemory (redis-cli CONFIG SET maxmemory 2gb) or free memory, then repeat the call.',
  },
  REDIS_UNSUITABLE: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'Redis is too old, evicts keys or is the wrong node of a cluster; or errand up cannot start a server.',
    remedy: 'Change the setting, address or package that the message names, then run errand doctor.',
  },
  INTERNAL: {
    origin: 'internal',
    disposition: 'retry',
    means: 'Unexpected error: a bug in Errand until proven otherwise.',
    remedy: 'Report it with the failure record (errand outcomes BATCH --json) and the log of the worker.',
  },
} as const satisfies Record<string, FailureSpec>;
