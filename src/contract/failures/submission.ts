import type { FailureSpec } from './spec.ts';

/** What ends a call or a task before any child is built: its input, its route, its lane. */
export const SUBMISSION_FAILURES = {
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
  TOOLSET_UNSERVED: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'No worker that serves the lane of the task has its toolset, for as long as tasks.version_wait_ms allows.',
    remedy: 'Start a worker with the toolset (the option toolsets of createWorker), then enqueue the task again.',
  },
  BATCH_REJECTED: {
    origin: 'credential',
    disposition: 'discard',
    means: 'Another task of the batch has an unusable route, and admission is by batch.',
    remedy: 'Fix the route that the message names, or enqueue with admission "task".',
  },
} as const satisfies Record<string, FailureSpec>;
