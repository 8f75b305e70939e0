import type { BatchSummary } from '../contract/batch.ts';
import type { Turn } from '../contract/checkpoint.ts';
import type { CleanupRecord, CleanupStep } from '../contract/cleanup.ts';
import type { Failure } from '../contract/failure.ts';
import type { AttemptEnd, Outcome } from '../contract/outcome.ts';
import { type Spend, spendOf } from '../contract/spend.ts';
import { type ErrandError, messageOf } from '../errors.ts';
import type { Log } from './log.ts';
import { createMetrics, type KnownNames, type Metrics } from './metrics.ts';

/** What names an attempt in every line about it. */
export type AttemptLabel = {
  taskId: string;
  epoch: number;
  provider: string;
  model: string;
  effort: string | undefined;
};

/** How an attempt went, for its closing line. */
export type AttemptReport = {
  ended: AttemptEnd;
  failure: Failure | undefined;
  cleanup: CleanupRecord;
  turns: number;
  durationMs: number;
};

/**
 * Tells what happens, in the log and in the metrics: one call for each moment, so that the two never disagree.
 */
export class Telemetry {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly #lastError = new Map<string, { at: number; suppressed: number }>();

  /** @param names the names that may be values of labels; by default there are none, and every name counts as `other`. */
  constructor(log: Log, names?: KnownNames) {
    this.log = log;
    this.metrics = createMetrics(names);
  }

  attemptStarted(attempt: AttemptLabel): void {
    this.metrics.attemptsStarted.inc({ provider: attempt.provider });
    this.metrics.attemptsRunning.inc();
    this.log.info(fieldsOf(attempt), 'attempt started');
  }

  turnRecorded(attempt: AttemptLabel, turn: Turn): void {
    const { provider, model } = attempt;
    const { cost_usd: cost } = turn;
    this.metrics.turns.inc({ provider, model });
    if (cost === null) this.metrics.unpricedTurns.inc({ provider, model });
    this.#spent(attempt, spendOf(turn));
  }

  /** A model call was cut off. The provider still bills the usage that it had reported. */
  callCutOff(attempt: AttemptLabel, spend: Spend): void {
    this.#spent(attempt, spend);
  }

  #spent({ provider, model }: AttemptLabel, { usage, known_cost_usd, calls_of_unknown_cost }: Spend): void {
    const { tokens, costUsd, callsOfUnknownCost } = this.metrics;
    tokens.inc({ provider, model, kind: 'input' }, usage.input_tokens);
    tokens.inc({ provider, model, kind: 'output' }, usage.output_tokens);
    if (known_cost_usd > 0) costUsd.inc({ provider, model }, known_cost_usd);
    if (calls_of_unknown_cost > 0) callsOfUnknownCost.inc({ provider, model }, calls_of_unknown_cost);
  }

  attemptEnded(attempt: AttemptLabel, report: AttemptReport): void {
    const { ended, failure, cleanup, turns, durationMs } = report;
    const { provider } = attempt;
    this.metrics.attemptsRunning.dec();
    this.metrics.attemptsEnded.inc({ provider, ended, code: failure?.code ?? '' });
    if (failure?.code === 'ATTEMPT_SUPERSEDED') this.metrics.staleWrites.inc();
    this.metrics.attemptSeconds.observe({ provider, ended }, durationMs / 1000);
    for (const step of cleanup.steps) this.#count(step);
    const fields = {
      ...fieldsOf(attempt),
      ended,
      turns,
      duration_ms: durationMs,
      released: cleanup.steps.length - cleanup.open,
      open: cleanup.open,
      ...(failure && { code: failure.code, message: failure.message }),
    };
    if (ended === 'failed' || ended === 'rejected' || cleanup.open > 0) this.log.warn(fields, 'attempt ended');
    else this.log.info(fields, 'attempt ended');
  }

  /** A resource of a dead attempt was given back, or could not be. */
  reclaimed(taskId: string, step: CleanupStep): void {
    this.#count(step);
    const { row, kind, ref, status, evidence, actor, detail } = step;
    const fields = { task_id: taskId, row, kind, ref, evidence, actor, detail };
    if (status === 'released') this.log.info(fields, 'reclaimed what a dead attempt held');
    else this.log.warn(fields, 'could not reclaim what a dead attempt held');
  }

  /** Jobs of a dead worker were handed back to their queues. */
  handedBack(jobIds: string[], instance: string, proof: string): void {
    const fields = { job_ids: jobIds.slice(0, 20), count: jobIds.length, instance, proof };
    this.log.info(fields, 'handed back the jobs of a dead worker');
  }

  taskEnded(provider: string, outcome: Outcome): void {
    const code = outcome.status === 'succeeded' ? '' : outcome.failure.code;
    this.metrics.tasksEnded.inc({ provider, status: outcome.status, code });
  }

  /** Logs a refused write; {@link Telemetry.attemptEnded} counts it, once an attempt. */
  staleWriteRefused(taskId: string): void {
    this.log.warn({ task_id: taskId }, 'a write was refused: a newer attempt is on record');
  }

  /** A job was not ours to move any more. */
  staleMoveRefused(error: Error): void {
    this.metrics.staleWrites.inc();
    this.log.warn({ message: error.message }, 'the queue refused to move a job: the worker had lost its lock');
  }

  lockLost(taskIds: string[]): void {
    this.metrics.lockLosses.inc(taskIds.length);
    this.log.warn({ task_ids: taskIds.slice(0, 20), count: taskIds.length }, 'lost the lock; aborting');
  }

  /** Tasks of a batch that no worker was running were ended. */
  unattendedEnded(batchId: string, count: number): void {
    this.log.info({ batch_id: batchId, count }, 'ended tasks that no worker runs');
  }

  batchSettled({ batch_id, name, total, counts, cost_usd, calls_of_unknown_cost }: BatchSummary): void {
    this.metrics.batchesSettled.inc();
    this.log.info({ batch_id, name, total, ...counts, cost_usd, calls_of_unknown_cost }, 'batch settled');
  }

  #count({ kind, status, evidence, actor }: CleanupStep): void {
    this.metrics.cleanupSteps.inc({ kind, status, evidence, actor });
  }

  /** One line for each change of how Redis is. */
  redisChanged(state: { status: 'ok' } | { status: 'away' | 'refusing'; reason: string }): void {
    if (state.status === 'ok') this.log.info({ redis: state.status }, 'Redis serves again');
    else this.log.error({ redis: state.status, reason: state.reason }, 'Redis does not serve; waiting for it');
  }

  /** One line for each change of whether the worker hears its channels: without them it polls, every few seconds. */
  channelsChanged(trouble: ErrandError | null): void {
    if (trouble === null) this.log.info({ channels: 'ok' }, 'hears of cancels again');
    else {
      const { code, message, remedy } = trouble;
      const fields = { channels: 'refused', code, reason: message, remedy };
      this.log.warn(fields, 'does not hear of cancels at once; looks for them every few seconds');
    }
  }

  /** Logs an infrastructure error at most once in ten seconds per message: an outage repeats it hundreds of times. */
  fault(where: string, error: unknown): void {
    const message = messageOf(error);
    const key = `${where} ${message}`;
    const now = performance.now();
    const last = this.#lastError.get(key);
    if (last && now - last.at < 10_000) {
      last.suppressed++;
      return;
    }
    if (this.#lastError.size > 100) this.#lastError.clear();
    this.#lastError.set(key, { at: now, suppressed: 0 });
    this.log.error({ where, message, ...(last?.suppressed && { repeated: last.suppressed }) }, 'infrastructure fault');
  }
}

function fieldsOf({ taskId, epoch, provider, model, effort }: AttemptLabel): object {
  return { task_id: taskId, epoch, provider, model, ...(effort && { reasoning_effort: effort }) };
}
