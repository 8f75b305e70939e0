import type { Child } from '../agent/child.ts';
import { isoNow, monotonicMs } from '../base/clock.ts';
import { announce } from '../base/moments.ts';
import type { CancelFlag } from '../contract/batch.ts';
import { type BackgroundResponse, type Checkpoint, type Tally, tallyOf } from '../contract/checkpoint.ts';
import type { EffectCall } from '../contract/effect-call.ts';
import type { Answer, Attempt as AttemptRecord } from '../contract/outcome.ts';
import type { RouteAudit } from '../contract/route.ts';
import type { TaskJob } from '../contract/task.ts';
import type { Credential } from '../credentials/credential.ts';
import { ErrandError } from '../errors.ts';
import type { Model, ResponseMark } from '../providers/model.ts';
import type { TaskHistory } from '../records/task-history.ts';
import type { AttemptLabel } from '../telemetry/telemetry.ts';
import type { Workspace } from '../tools/workspace/workspace.ts';
import { cancelledBy } from './classify.ts';
import type { Scope } from './holding/scope.ts';
import { ModelCalls } from './model-calls.ts';

/** Longest wait a timer of Node can hold, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type AttemptParts = Pick<
  Attempt,
  'taskId' | 'epoch' | 'worker' | 'job' | 'history' | 'scope' | 'isLastTry' | 'leaveRows'
>;

/** One start of one task: who it is, what it holds, and how far it came. */
export class Attempt {
  readonly taskId: string;
  readonly epoch: number;
  /** Name of the worker that runs it. */
  readonly worker: string;
  readonly job: TaskJob;
  readonly history: TaskHistory;
  readonly scope: Scope;
  /** Whether a failure that may pass ends the task. */
  readonly isLastTry: boolean;
  readonly startedAt = isoNow();
  readonly #startedMs = monotonicMs();
  readonly controller = new AbortController();
  readonly #stopListening: () => void;
  /** Called once its rows are closed, or left open for others to close. */
  readonly leaveRows: (hasOpenRows: boolean) => void;
  #budgetTimer: NodeJS.Timeout | undefined;
  /** Its model calls, and the cost of the calls without a recorded turn. */
  readonly calls = new ModelCalls();
  /** Set once a child is built; what it did so far counts however the attempt ends. */
  child: Child | undefined;
  /** What the child was built with. */
  credential: Credential | undefined;
  effective: RouteAudit['effective'] = null;
  /** Set once it is made. */
  workspace: Workspace | undefined;
  files: Answer['files'] = [];
  /** Notes for the outcome about what kept its calls within the limits of the provider. */
  readonly notes: string[] = [];
  /** The background response that the next turn will come from. */
  response: BackgroundResponse | null;
  /** A background response that could not be written down, because a newer attempt had begun: nobody else knows of it. */
  orphan: BackgroundResponse | undefined;
  /** The attempt whose background response this one went on with. */
  callTakenOverFrom: number | undefined;

  constructor(parts: AttemptParts, queueSignal: AbortSignal) {
    this.leaveRows = parts.leaveRows;
    this.taskId = parts.taskId;
    this.epoch = parts.epoch;
    this.worker = parts.worker;
    this.job = parts.job;
    this.history = parts.history;
    this.response = parts.history.response;
    this.scope = parts.scope;
    this.isLastTry = parts.isLastTry;
    const abort = () => this.controller.abort(errorOfQueueAbort(queueSignal.reason));
    if (queueSignal.aborted) abort();
    queueSignal.addEventListener('abort', abort, { once: true });
    this.#stopListening = () => queueSignal.removeEventListener('abort', abort);
  }

  /** Aborts with the first reason of: the queue's, a cancel, the budget of seconds. Reaches every call and tool. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get durationMs(): number {
    return Math.round(monotonicMs() - this.#startedMs);
  }

  get audit(): RouteAudit {
    return { ...this.job.route, effective: this.effective };
  }

  /** The turns of the task so far, over all its attempts. */
  get checkpoints(): readonly Checkpoint[] {
    return this.child?.transcript.checkpoints ?? this.history.checkpoints;
  }

  /** The calls of effect tools that were begun, over all attempts. */
  get effects(): readonly EffectCall[] {
    return this.child?.effects.calls ?? this.history.effects;
  }

  /** What the task has used so far, over all its attempts. */
  get tally(): Tally {
    return tallyOf(this.checkpoints);
  }

  get label(): AttemptLabel {
    const { provider, model, reasoning_effort: effort } = this.job.route;
    return { taskId: this.taskId, epoch: this.epoch, provider, model, effort };
  }

  /** Ties the background calls of a model to this attempt. `keep` gets each response before any more of it is read. */
  watch(model: Model, mark: ResponseMark, keep: (response: BackgroundResponse) => Promise<void>): Model {
    return {
      turn: (request, signal) => {
        const onText = (piece: string) => {
          request.onText?.(piece);
          announce('mid_stream', this.taskId);
        };
        const isKnown = this.response?.provider === this.job.route.provider;
        const known = isKnown ? this.response?.id : undefined;
        const background = { known, mark, note: (id: string) => keep(this.#tie(id)) };
        const onLimit = (note: string) => this.notes.push(note);
        return model.turn({ ...request, onText, onLimit, background }, signal);
      },
    };
  }

  /** Called once a call: an id that is known by then is that of an earlier attempt. */
  #tie(id: string): BackgroundResponse {
    if (this.response?.id === id) this.callTakenOverFrom = this.response.epoch;
    else {
      const { provider } = this.job.route;
      this.response = { turn: this.tally.turns + 1, provider, id, epoch: this.epoch };
    }
    return this.response;
  }

  /** Aborts where the flag is set. */
  abortIfCancelled(flag: CancelFlag | null): void {
    if (flag) this.controller.abort(cancelledBy(flag));
  }

  /** Aborts once the attempts of the task have run for so long together. */
  limitSeconds(seconds: number): void {
    const expire = () => {
      const message = `the task ran for ${seconds} s, as long as its budget allows`;
      this.controller.abort(new ErrandError('BUDGET_SECONDS', message));
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

/** How long earlier attempts ran, by the clocks of their workers; of one that ended without a word nobody knows. */
function runningMsOf(past: readonly AttemptRecord[]): number {
  const runs = past.map(({ started_at, ended_at }) => (ended_at ? Date.parse(ended_at) - Date.parse(started_at) : 0));
  return runs.reduce((sum, ms) => sum + Math.max(0, ms), 0);
}

/** The reason is what the queue said as it aborted the run: see `queue/locks.ts`. */
function errorOfQueueAbort(reason: unknown): ErrandError {
  if (reason === 'drained') return new ErrandError('ATTEMPT_DRAINED', 'the worker is going away');
  return new ErrandError('ATTEMPT_LOCK_LOST', 'the worker lost its lock on the task');
}
