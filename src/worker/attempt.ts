import { isoNow, monotonicMs } from '../base/clock.ts';
import type { CancelFlag } from '../contract/batch.ts';
import type { Attempt as AttemptRecord } from '../contract/outcome.ts';
import type { TaskJob } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import type { TaskHistory } from '../records/task-history.ts';
import type { AttemptLabel } from '../telemetry/step.ts';
import { AttemptCancelled } from './classify.ts';
import type { Scope } from './holding/scope.ts';

/** Longest wait a timer of Node can hold, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What an attempt is known by from its start. */
export type AttemptParts = {
  taskId: string;
  epoch: number;
  /** Name of the worker that runs it. */
  worker: string;
  job: TaskJob;
  /** What earlier attempts of the task left. */
  history: TaskHistory;
  scope: Scope;
  /** Whether a failure that may pass ends the task. */
  isLastTry: boolean;
  /** Called once its rows are closed, or left open for others to close. */
  leaveRows: (hasOpenRows: boolean) => void;
};

/** One start of one task: who it is, what it holds, and what ends it early. What it did comes back in its `Result`. */
export class Attempt {
  readonly taskId: string;
  readonly epoch: number;
  readonly worker: string;
  readonly job: TaskJob;
  readonly history: TaskHistory;
  readonly scope: Scope;
  readonly isLastTry: boolean;
  readonly leaveRows: AttemptParts['leaveRows'];
  readonly startedAt = isoNow();
  readonly #startedMs = monotonicMs();
  readonly #controller = new AbortController();
  readonly #stopListening: () => void;
  #budgetTimer: NodeJS.Timeout | undefined;

  constructor(parts: AttemptParts, queueSignal: AbortSignal) {
    this.taskId = parts.taskId;
    this.epoch = parts.epoch;
    this.worker = parts.worker;
    this.job = parts.job;
    this.history = parts.history;
    this.scope = parts.scope;
    this.isLastTry = parts.isLastTry;
    this.leaveRows = parts.leaveRows;
    const abort = () => this.abort(errorOfQueueAbort(queueSignal.reason));
    if (queueSignal.aborted) abort();
    queueSignal.addEventListener('abort', abort, { once: true });
    this.#stopListening = () => queueSignal.removeEventListener('abort', abort);
  }

  /** Aborts with the first reason of: the queue's, a cancel, the budget of seconds. Reaches every call and tool. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get durationMs(): number {
    return Math.round(monotonicMs() - this.#startedMs);
  }

  get label(): AttemptLabel {
    const { provider, model, reasoning_effort: effort } = this.job.route;
    return { taskId: this.taskId, epoch: this.epoch, provider, model, effort };
  }

  /** Ends the attempt early. The first reason counts. */
  abort(reason: ErrandError): void {
    this.#controller.abort(reason);
  }

  /** Aborts if the flag is set. */
  abortIfCancelled(flag: CancelFlag | null): void {
    if (flag) this.abort(new AttemptCancelled(flag));
  }

  /** Aborts once the attempts of the task have run for so long together. */
  limitSeconds(seconds: number): void {
    const expire = () => {
      const message = `the task used its budget of ${seconds} s`;
      this.abort(new ErrandError('BUDGET_SECONDS', message));
    };
    const leftMs = Math.max(0, seconds * 1000 - runningMsOf(this.history.past));
    this.#budgetTimer = setTimeout(expire, Math.min(leftMs, MAX_TIMER_MS));
  }

  /** Ends the timers and listeners of the attempt; its resources are the scope's. */
  stopWatching(): void {
    clearTimeout(this.#budgetTimer);
    this.#stopListening();
  }
}

/** How long earlier attempts ran, by the clocks of their workers; the time of an attempt without an end is unknown. */
function runningMsOf(past: readonly AttemptRecord[]): number {
  const runs = past.map(({ started_at, ended_at }) => (ended_at ? Date.parse(ended_at) - Date.parse(started_at) : 0));
  return runs.reduce((sum, ms) => sum + Math.max(0, ms), 0);
}

/** The reason is what the queue said as it aborted the run: see `queue/locks.ts`. */
function errorOfQueueAbort(reason: unknown): ErrandError {
  if (reason === 'drained') return new ErrandError('ATTEMPT_DRAINED', 'the worker is stopping');
  return new ErrandError('ATTEMPT_LOCK_LOST', 'the worker lost its lock on the task');
}
