import { isoNow } from '../../base/clock.ts';
import { amendCleanup, type CleanupRecord } from '../../contract/cleanup.ts';
import type { Failure } from '../../contract/failure.ts';
import type { AttemptEnd, Attempt as AttemptRecord } from '../../contract/outcome.ts';
import type { Wake } from '../../contract/task.ts';
import type { Closing } from '../../records/closing.ts';
import { during } from '../../telemetry/observer.ts';
import type { AttemptReport } from '../../telemetry/step.ts';
import type { Attempt } from '../attempt.ts';
import type { Result } from '../result.ts';
import type { TaskDeps } from '../task-deps.ts';
import { cancelUnknown } from './abandon-response.ts';
import { close, endOfClosing, type Superseded, unlessSuperseded } from './close.ts';
import type { Decision, Pause } from './decide.ts';
import { joinDeferrals } from './deferral.ts';
import type { TaskEnd } from './outcome.ts';

/** How an attempt ended: its result, and its cleanup after that. */
export type Ending = { attempt: Attempt; result: Result; cleanup: CleanupRecord };

/**
 * What was recorded. `recorded`: this write stored the outcome of the task. `ended`: the task already had an outcome.
 * `paused`: the attempt has ended and its task continues; `isCancelled` if the task was cancelled meanwhile.
 */
export type Recorded = Closing | Paused | Superseded;

type Paused = { status: 'paused'; pause: Pause; isCancelled: boolean; wake: readonly Wake[] };

/** What was recorded, with the report of the attempt. */
export type Reported<R> = R & { report: AttemptReport };

/** How an attempt is recorded as ended for each pause. */
const ENDED = {
  retry: 'failed',
  defer: 'deferred',
  requeue: 'handed_back',
  surrender: 'lost',
} as const satisfies Record<Pause['next'], AttemptEnd>;

/**
 * Records the end of an attempt, as the outcome of its task or as one more attempt, and closes the rows that it
 * released, in one write. The fence refuses the write if a newer attempt is recorded.
 */
export async function record(
  decision: Decision,
  ending: Ending,
  deps: TaskDeps,
): Promise<Reported<Closing | Paused> | Superseded> {
  if (decision.next === 'surrender') return recordLoss(decision, ending, deps);
  if (decision.next !== 'end') return during(deps.observer, stepOf(ending), () => recordPause(decision, ending, deps));
  return during(deps.observer, stepOf(ending), () => recordEnd(decision.end, ending, deps), endOfClosing);
}

/** Leaves the task to its new owner: records only that this attempt is over, and what it released. */
export async function recordLoss(pause: Pause, ending: Ending, deps: TaskDeps): Promise<Reported<Paused>> {
  return during(deps.observer, stepOf(ending), () => writeLoss(pause, ending, deps));
}

function stepOf({ attempt: { taskId, job } }: Ending) {
  return { name: 'record', taskId, provider: job.route.provider } as const;
}

async function recordEnd(end: TaskEnd, ending: Ending, deps: TaskDeps): Promise<Reported<Closing> | Superseded> {
  const { attempt, result, cleanup } = ending;
  const { history, taskId, epoch, job } = attempt;
  const { effective, cutSpend, text, files, ...work } = result.work;
  const { provider } = job.route;
  const named = { taskId, batchId: job.batch_id, index: job.index, metadata: job.task.metadata };
  const task = { ...named, provider, route: { ...job.route, effective }, spec: job.task };
  const failure = end.status === 'succeeded' ? undefined : end.failure;
  const attempts = [...history.past, recordOf(ending, end.status, failure)];
  const cutSpends = new Map(history.cutSpends).set(epoch, cutSpend);
  const facts = { ...work, answer: { text, files }, attempts, cutSpends, isUnreadable: false };
  const ended = { task, end, facts, epoch, steps: cleanup.steps, closedRows: history.closedRows };
  const closing = await close(ended, deps);
  if (closing.status === 'superseded') return closing;
  return { ...closing, report: reportOf(ending, end.status, failure) };
}

async function recordPause(pause: Pause, ending: Ending, deps: TaskDeps): Promise<Reported<Paused> | Superseded> {
  const { attempt, result, cleanup } = ending;
  const { unfinishedCalls, lostSpend, checkpoints } = result.work;
  const { taskId, epoch, history, job } = attempt;
  const ended = ENDED[pause.next];
  const own = joinDeferrals(recordOf(ending, ended, pause.failure), history.past.at(-1), checkpoints.length);
  const restsWith = pause.next === 'requeue' ? null : job.route.provider;
  const released = { owner: deps.self.instance, steps: cleanup.steps };
  if (unfinishedCalls > 0) await deps.spends.note(taskId, epoch, lostSpend);
  const done = await unlessSuperseded(deps.records.endAttempt(taskId, own, restsWith, released), deps.redactor);
  if ('status' in done) return done;
  const report = reportOf(ending, ended, pause.failure);
  return { status: 'paused', pause, isCancelled: done.flag !== null, wake: done.wake, report };
}

async function writeLoss(pause: Pause, ending: Ending, deps: TaskDeps): Promise<Reported<Paused>> {
  const { attempt, result, cleanup } = ending;
  const { taskId, epoch } = attempt;
  const { orphan, lostSpend } = result.work;
  const own = recordOf(ending, 'lost', pause.failure);
  const released = { owner: deps.self.instance, steps: cleanup.steps };
  await deps.spends.note(taskId, epoch, lostSpend);
  await unlessSuperseded(deps.records.endAttempt(taskId, own, null, released), deps.redactor);
  const orphaned = orphan ? [await cancelUnknown(orphan, taskId, deps)] : [];
  const whole = { ...ending, cleanup: amendCleanup(cleanup, orphaned) };
  const report = reportOf(whole, 'lost', pause.failure);
  return { status: 'paused', pause, isCancelled: false, wake: [], report };
}

function recordOf(
  { attempt, result, cleanup }: Ending,
  ended: AttemptEnd,
  failure: Failure | undefined,
): AttemptRecord & { ended: AttemptEnd } {
  const { epoch, worker, startedAt, history } = attempt;
  const { unfinishedCalls, callTakenOverFrom } = result.work;
  return {
    epoch,
    worker,
    turns_before: history.checkpoints.length,
    unfinished_calls: unfinishedCalls,
    ...(callTakenOverFrom !== undefined && { call_taken_over_from: callTakenOverFrom }),
    started_at: startedAt,
    ended_at: isoNow(),
    ended,
    ...(failure && { failure }),
    cleanup,
  };
}

function reportOf(
  { attempt, result, cleanup }: Ending,
  ended: AttemptEnd,
  failure: Failure | undefined,
): AttemptReport {
  const turns = result.work.checkpoints.length;
  return { ended, failure, cleanup, turns, durationMs: attempt.durationMs };
}
