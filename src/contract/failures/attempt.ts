import type { FailureSpec } from './spec.ts';

/** Failures that end an attempt from outside: a cancel, a drain, a lost lock, a crash. */
export const ATTEMPT_FAILURES = {
  ATTEMPT_CANCELLED: {
    origin: 'attempt',
    disposition: 'discard',
    means: 'A user or a program cancelled the task or its batch.',
    remedy: 'If the cancel was a mistake, enqueue the task again in a new batch.',
  },
  ATTEMPT_DRAINED: {
    origin: 'attempt',
    disposition: 'requeue',
    means: 'The worker is shutting down and returned the task to the queue.',
    remedy: 'Wait: another worker continues the task from its last recorded turn.',
  },
  ATTEMPT_LOCK_LOST: {
    origin: 'attempt',
    disposition: 'surrender',
    means: 'The worker lost its lock on the task, so another worker may own the task.',
    remedy: 'Look for a blocked event loop or an unreachable Redis on this worker at that time.',
  },
  ATTEMPT_SUPERSEDED: {
    origin: 'attempt',
    disposition: 'surrender',
    means: 'A newer attempt of the task has started, so writes of this attempt are refused.',
    remedy: 'Use the outcome of the newer attempt. Look for a worker that was paused or cut off from Redis.',
  },
  ATTEMPT_STALLED_OUT: {
    origin: 'attempt',
    disposition: 'discard',
    means: 'The queue ended the task before any worker wrote an outcome.',
    remedy:
      'Find out why workers were killed while they ran this task (memory?), then enqueue it again with a new idempotency_key.',
  },
  TASK_REMOVED: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'The job of the task was removed from the queue before the task ended.',
    remedy: 'Enqueue the task again. Find the person or program that removes jobs from the lane.',
  },
  CRASH_LOOP: {
    origin: 'attempt',
    disposition: 'discard',
    means: 'Three attempts of the task in a row crashed their worker without completing a turn.',
    remedy:
      'Read the attempts (errand outcomes BATCH --json). Check memory, tools that crash, and the input of the task.',
  },
} as const satisfies Record<string, FailureSpec>;
