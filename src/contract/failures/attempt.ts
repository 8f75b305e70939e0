import type { FailureSpec } from './spec.ts';

/** What ends an attempt from outside: a cancel, a drain, a lost lock, a crash. */
export const ATTEMPT_FAILURES = {
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
} as const satisfies Record<string, FailureSpec>;
