import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From a cached short answer to an hour-long agent. */
const DURATION_BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** Every metric of a worker, in one table. Labels use the words of the records. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  return {
    registry,
    attemptsStarted: counter('errand_attempts_started_total', 'Attempts started.', ['provider']),
    attemptsEnded: counter('errand_attempts_ended_total', 'Attempts ended, by how.', ['provider', 'ended', 'code']),
    attemptSeconds: new Histogram({
      name: 'errand_attempt_duration_seconds',
      help: 'Duration of attempts.',
      labelNames: ['provider', 'ended'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    attemptsRunning: new Gauge({ name: 'errand_attempts_running', help: 'Attempts running now.', registers }),
    tasksEnded: counter('errand_tasks_ended_total', 'Tasks with their outcome on record.', [
      'provider',
      'status',
      'code',
    ]),
    turns: counter('errand_turns_total', 'Completed model calls.', ['provider', 'model']),
    tokens: counter('errand_tokens_total', 'Tokens used, as far as providers report them.', [
      'provider',
      'model',
      'kind',
    ]),
    costUsd: counter('errand_cost_usd_total', 'Cost of model calls as far as it is known.', ['provider', 'model']),
    callsOfUnknownCost: counter(
      'errand_calls_of_unknown_cost_total',
      'Model calls of unknown cost that may be billed.',
      ['provider', 'model'],
    ),
    unpricedTurns: counter('errand_unpriced_turns_total', 'Turns whose price is unknown.', ['provider', 'model']),
    cleanupSteps: counter('errand_cleanup_steps_total', 'Resources given back, or not.', [
      'kind',
      'status',
      'evidence',
      'actor',
    ]),
    ledgerOpenRows: new Gauge({
      name: 'errand_ledger_open_rows',
      help: 'Open ledger rows, over all workers.',
      registers,
    }),
    laneJobs: new Gauge({
      name: 'errand_lane_jobs',
      help: 'Task jobs in the lanes, over all workers.',
      labelNames: ['provider', 'state'],
      registers,
    }),
    lockLosses: counter('errand_lock_losses_total', 'Attempts that lost their lock.', []),
    staleWrites: counter('errand_stale_writes_refused_total', 'Writes of superseded attempts that were refused.', []),
    batchesSettled: counter('errand_batches_settled_total', 'Batches settled by this worker.', []),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
