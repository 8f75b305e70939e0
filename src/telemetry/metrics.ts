import { CleanupActor, CleanupStep, Evidence } from '../contract/cleanup.ts';
import { AttemptEnd, Outcome } from '../contract/outcome.ts';
import { FAILURE_CODES } from '../errors.ts';
import { type LabelSet, MetricTable, OTHER, oneOf } from './series.ts';

/** From a cached short answer to an hour-long agent. */
const DURATION_BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** The names of a deployment that may be label values. Every other value becomes `other`. */
export type KnownNames = {
  providers: readonly string[];
  /** The kinds of resources. */
  kinds: readonly string[];
  /**
   * Returns the name under which a model of a provider is counted, one of a closed set; `undefined` for other models.
   */
  modelOf: (provider: string, model: string) => string | undefined;
};

const NO_NAMES: KnownNames = { providers: [], kinds: [], modelOf: () => undefined };

/**
 * Makes every metric of a worker, in one table. Labels use the words of the records. Each label has a closed set of
 * values, because the registry keeps a series until the process ends.
 */
export function createMetrics(names: KnownNames = NO_NAMES) {
  const table = new MetricTable();
  const provider = oneOf(names.providers);
  const code = oneOf(['', ...FAILURE_CODES]);
  const model: LabelSet = (value, labels) => names.modelOf(labels.provider ?? '', value) ?? OTHER;
  return {
    registry: table.registry,
    ...attemptMetrics(table, { provider, code }),
    ...callMetrics(table, { provider, model }),
    cleanupSteps: table.counterBy('errand_cleanup_steps_total', 'Cleanup steps: resources released or left open.', {
      kind: oneOf(names.kinds),
      status: oneOf(CleanupStep.shape.status.options),
      evidence: oneOf(Evidence.options),
      actor: oneOf(CleanupActor.options),
    }),
    ledgerOpenRows: table.gauge('errand_ledger_open_rows', 'Open ledger rows of all workers.'),
    mcpWaiting: table.gauge('errand_mcp_waiting', 'Processes of MCP servers that wait for one of mcp.max_processes.'),
    laneJobs: table.gaugeBy('errand_lane_jobs', 'Task jobs in the lanes, for all workers together.', {
      provider,
      state: oneOf(['waiting', 'delayed', 'active']),
    }),
    lockLosses: table.counter('errand_lock_losses_total', 'Attempts that lost their lock.'),
    staleWrites: table.counter('errand_stale_writes_refused_total', 'Writes of superseded attempts that were refused.'),
    batchesSettled: table.counter('errand_batches_settled_total', 'Batches settled by this worker.'),
  };
}

/** The metrics of attempts and of the tasks that they end. */
function attemptMetrics(table: MetricTable, { provider, code }: { provider: LabelSet; code: LabelSet }) {
  const ended = oneOf(AttemptEnd.options);
  const status = oneOf(Outcome.options.map(({ shape }) => shape.status.value));
  return {
    attemptsStarted: table.counterBy('errand_attempts_started_total', 'Attempts started.', { provider }),
    attemptsEnded: table.counterBy('errand_attempts_ended_total', 'Attempts ended, by how they ended.', {
      provider,
      ended,
      code,
    }),
    attemptSeconds: table.histogramBy(
      { name: 'errand_attempt_duration_seconds', help: 'Duration of attempts, in seconds.', buckets: DURATION_BUCKETS },
      { provider, ended },
    ),
    attemptsRunning: table.gauge('errand_attempts_running', 'Attempts that run in this worker now.'),
    tasksEnded: table.counterBy('errand_tasks_ended_total', 'Tasks whose outcome is stored.', {
      provider,
      status,
      code,
    }),
  };
}

/** The metrics of model calls. */
function callMetrics(table: MetricTable, { provider, model }: { provider: LabelSet; model: LabelSet }) {
  return {
    turns: table.counterBy('errand_turns_total', 'Completed model calls.', { provider, model }),
    tokens: table.counterBy('errand_tokens_total', 'Tokens used, as reported by providers.', {
      provider,
      model,
      kind: oneOf(['input', 'output']),
    }),
    cachedTokens: table.counterBy(
      'errand_cached_input_tokens_total',
      'Input tokens that came from the cache of a provider; part of errand_tokens_total.',
      { provider, model },
    ),
    costUsd: table.counterBy('errand_cost_usd_total', 'Known cost of model calls, in US dollars.', { provider, model }),
    callsOfUnknownCost: table.counterBy(
      'errand_calls_of_unknown_cost_total',
      'Model calls of unknown cost that may be billed.',
      { provider, model },
    ),
    unpricedTurns: table.counterBy('errand_unpriced_turns_total', 'Turns whose price is unknown.', { provider, model }),
  };
}

/** The metrics of one worker. */
export type Metrics = ReturnType<typeof createMetrics>;
