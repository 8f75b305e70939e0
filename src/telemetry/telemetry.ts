import type { BatchSummary } from '../contract/batch.ts';
import type { Turn } from '../contract/checkpoint.ts';
import type { CleanupStep } from '../contract/cleanup.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { Spend } from '../contract/spend.ts';
import { type ErrandError, messageOf } from '../errors.ts';
import type { Log } from './log.ts';
import { LogObserver } from './log-observer.ts';
import { createMetrics, type KnownNames, type Metrics } from './metrics.ts';
import { MetricsObserver } from './metrics-observer.ts';
import { type End, note, type Observer, observers } from './observer.ts';
import type { AttemptLabel, AttemptReport } from './step.ts';

/** Calls of the time before observers, each as the step that it reports. */
export class Telemetry {
  readonly metrics: Metrics;
  readonly observer: Observer;
  readonly #attempts = new Map<string, End>();

  /** @param names the names that may be values of labels; by default there are none, and every name counts as `other`. */
  constructor(log: Log, names?: KnownNames, more: readonly Observer[] = []) {
    this.metrics = createMetrics(names);
    const report = (error: unknown) =>
      log.error({ message: messageOf(error) }, 'an observer threw an error; its further errors are not logged');
    this.observer = observers([new LogObserver(log), new MetricsObserver(this.metrics), ...more], report);
  }

  attemptStarted(attempt: AttemptLabel): void {
    this.#attempts.set(`${attempt.taskId}.${attempt.epoch}`, this.observer.begin({ name: 'attempt', ...attempt }));
  }

  turnRecorded(attempt: AttemptLabel, reply: Turn): void {
    this.observer.begin({ name: 'record_turn', ...attempt, reply })({ status: 'done' });
  }

  callCutOff(attempt: AttemptLabel, spend: Spend): void {
    note(this.observer, { name: 'call_cut_off', ...attempt, spend });
  }

  attemptEnded(attempt: AttemptLabel, report: AttemptReport): void {
    const name = `${attempt.taskId}.${attempt.epoch}`;
    this.#attempts.get(name)?.({ status: 'ended', report });
    this.#attempts.delete(name);
  }

  reclaimed(taskId: string, step: CleanupStep): void {
    const { row, kind, actor, status } = step;
    const end = this.observer.begin({ name: 'reclaim', taskId, row, kind, actor });
    end({ status: status === 'released' ? 'released' : 'left_open', step });
  }

  handedBack(jobIds: string[], instance: string, proof: string): void {
    note(this.observer, { name: 'jobs_handed_back', jobIds, instance, proof });
  }

  taskEnded(provider: string, outcome: Outcome): void {
    const end = this.observer.begin({ name: 'record', taskId: outcome.task_id, provider });
    end({ status: 'recorded', outcome });
  }

  staleWriteRefused(taskId: string): void {
    note(this.observer, { name: 'write_refused', taskId });
  }

  staleMoveRefused(error: Error): void {
    note(this.observer, { name: 'move_refused', error });
  }

  lockLost(taskIds: string[]): void {
    note(this.observer, { name: 'locks_lost', taskIds });
  }

  unattendedEnded(batchId: string, count: number): void {
    note(this.observer, { name: 'unattended_ended', batchId, count });
  }

  batchSettled(summary: BatchSummary): void {
    this.observer.begin({ name: 'settle', batchId: summary.batch_id })({ status: 'settled', summary });
  }

  redisChanged(state: { status: 'ok' } | { status: 'away' | 'refusing'; reason: string }): void {
    note(this.observer, { name: 'redis', state });
  }

  channelsChanged(trouble: ErrandError | null): void {
    note(this.observer, { name: 'channels', trouble });
  }

  fault(where: string, error: unknown): void {
    note(this.observer, { name: 'fault', where, error });
  }
}
