import { isoNow, monotonicMs } from '../base/clock.ts';
import type { CancelFlag } from '../contract/batch.ts';
import type { Attempt as AttemptRecord } from '../contract/outcome.ts';
import type { TaskJob } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import type { TaskHistory } from '../records/task-history.ts';
import type { AttemptLabel } from '../telemetry/step.ts';
import { AttemptCancelled } from './classify.ts';
import type { Scope } from './holding/scope.ts';

/** The maximum delay of a timer in Node, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The facts about an attempt when it starts. */
export type AttemptParts = {
  taskId: string;
  epoch: number;
  /** The name of the worker that runs it. */
  worker: string;
  job: TaskJob;
  /** The stored state that earlier attempts of the task left. */
  history: TaskHistory;
  scope: Scope;
  /** Whether a temporary failure ends the task. */
  isLastTry: boolean;
  /** Called when its rows are closed, or left open for a sweep to close. */
  leaveRows: (hasOpenRows: boolean) => void;
};

/** What tools see and use of an attempt. */
export type ToolAttempt = Pick<Attempt, 'taskId' | 'epoch' | 'signal' | 'isLastTry' | 'abort'> & {
  job: Pick<TaskJob, 'batch_id'> & { task: Pick<TaskJob['task'], 'toolsets' | 'tool_policy' | 'metadata'> };
  scope: Pick<Scope, 'hold'>;
};

/**
 * One start of one task: its identity, its resources, and the signal that ends it early. Its `Result` says what it did.
 */
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

  /** Aborts on lock loss, drain, cancel or time limit, whichever comes first. Every model call and tool gets it. */
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

  /** Aborts when all attempts of the task together have run for `seconds`. */
  limitSeconds(seconds: number): void {
    const expire = () => {
      const message = `the task used its budget of ${seconds} s`;
      this.abort(new ErrandError('BUDGET_SECONDS', message));
    };
    const leftMs = Math.max(0, seconds * 1000 - runningMsOf(this.history.past));
    this.#budgetTimer = setTimeout(expire, Math.min(leftMs, MAX_TIMER_MS));
  }

  /** Stops the timers and listeners of the attempt. The scope releases its resources. */
  stopWatching(): void {
    clearTimeout(this.#budgetTimer);
    this.#stopListening();
  }
}

/** The running time of earlier attempts, by the clocks of their workers. An attempt without an end counts as 0. */
function runningMsOf(past: readonly AttemptRecord[]): number {
  const runs = past.map(({ started_at, ended_at }) => (ended_at ? Date.parse(ended_at) - Date.parse(started_at) : 0));
  return runs.reduce((sum, ms) => sum + Math.max(0, ms), 0);
}

/** The error for a reason with which the queue aborted the run: see `queue/locks.ts`. */
function errorOfQueueAbort(reason: unknown): ErrandError {
  if (reason === 'drained') return new ErrandError('ATTEMPT_DRAINED', 'the worker is stopping');
  return new ErrandError('ATTEMPT_LOCK_LOST', 'the worker lost its lock on the task');
}
