import type { FailureSpec } from './spec.ts';

/** Failures that end a call or a task before a child is built: its input, its route, its lane. */
export const SUBMISSION_FAILURES = {
  BATCH_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means: 'The batch does not fit the contract. Nothing was enqueued.',
    remedy:
      'Correct the fields that the message names, check the batch with errand routes FILE, then enqueue it again.',
  },
  IDEMPOTENCY_CONFLICT: {
    origin: 'input',
    disposition: 'discard',
    means: 'The idempotency key was used before with another batch.',
    remedy: 'Set another idempotency_key for the new batch, or send the first batch again unchanged.',
  },
  NOT_FOUND: {
    origin: 'input',
    disposition: 'discard',
    means: 'No batch, task or worker with this name or id has a record.',
    remedy: 'Correct the id or name (errand enqueue printed the id). Records are deleted after tasks.retention_days.',
  },
  WORKER_ALIVE: {
    origin: 'input',
    disposition: 'discard',
    means: 'The worker whose rows were to be closed is running: it sent a heartbeat a moment ago.',
    remedy: 'Leave the rows alone: the worker releases them itself. To remove the worker, stop it with SIGTERM first.',
  },
  CONFIG_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means: 'A setting, a variable or an option has a value that Errand cannot use.',
    remedy:
      'Correct the setting that the message names. To see every setting and where it comes from, run errand config.',
  },
  USAGE_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means: 'A command, an option or an argument of a call is unknown, missing, repeated or has a wrong value.',
    remedy: 'Run the command with --help: it lists the options and their values. In a program, correct the argument.',
  },
  FILE_NOT_FOUND: {
    origin: 'input',
    disposition: 'discard',
    means: 'The named file does not exist.',
    remedy:
      'Correct the name, or change to the directory of the file: a relative name starts at the working directory.',
  },
  ADDRESS_IN_USE: {
    origin: 'infrastructure',
    disposition: 'retry',
    means: 'Another process already listens at this address and port.',
    remedy: 'Stop the process that listens there (ss -ltnp shows it), or set another port.',
  },
  TASK_INVALID: {
    origin: 'input',
    disposition: 'discard',
    means: 'The data of a task job does not parse.',
    remedy:
      'Enqueue the task again with errand enqueue FILE or createProducer. Stop other programs that write to the lane.',
  },
  VERSION_TOO_NEW: {
    origin: 'input',
    disposition: 'discard',
    means: 'The task needs a newer version of Errand than every worker that serves its lane.',
    remedy: 'Upgrade the errand package of the workers to the version of the producer, then enqueue the task again.',
  },
  ROUTE_UNSUPPORTED: {
    origin: 'input',
    disposition: 'discard',
    means: 'The route names a provider, model or effort that this deployment does not offer.',
    remedy: 'Choose a name that the message lists (see errand routes FILE), or add the provider to errand.config.yaml.',
  },
  LANE_UNSERVED: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'No worker served the lane of the task for tasks.unserved_ms.',
    remedy: 'Start a worker with the provider in its configuration (errand worker), then enqueue the task again.',
  },
  TOOLSET_UNSERVED: {
    origin: 'infrastructure',
    disposition: 'discard',
    means: 'No worker that serves the lane of the task had its toolset for tasks.version_wait_ms.',
    remedy:
      'Start a worker that has the toolset (tool_modules, or toolsets of createWorker), then enqueue the task again.',
  },
  BATCH_REJECTED: {
    origin: 'credential',
    disposition: 'discard',
    means: 'Another task of the batch has an unusable route, and the batch has the admission "batch".',
    remedy:
      'Correct the route that the message names, or set admission: task in the batch; then enqueue it again with a new idempotency_key.',
  },
} as const satisfies Record<string, FailureSpec>;
