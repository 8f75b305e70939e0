import { parseTaskId } from '../../base/ids.ts';
import type { Redactor } from '../../base/secret.ts';
import type { Wake } from '../../contract/task.ts';
import { ErrandError } from '../../errors.ts';
import type { TaskDelivery } from '../../queue/consumer.ts';
import type { Move, Verdict } from '../../queue/verdict.ts';
import type { Opening, TooNew } from '../../records/opening.ts';
import { type TaskHistory, UNREADABLE_HISTORY } from '../../records/task-history.ts';
import { AttemptCancelled } from '../classify.ts';
import type { TaskDeps } from '../task-deps.ts';
import type { Waiting } from '../version-wait.ts';
import type { ClosedTask } from './close.ts';
import { taskEndOf } from './decide.ts';
import { parkMs } from './deferral.ts';
import type { TaskEnd } from './outcome.ts';
import { closeUnattended } from './unattended.ts';
import { verdictOf } from './verdict-of.ts';

/** The state of a task, with its newest epoch. */
type Known = TaskHistory & { epoch: number };

/** Why no attempt runs. `invalid`: an attempt was opened, and its job does not parse. */
export type Unopened =
  | Exclude<Opening, { status: 'opened' | 'held' }>
  | { status: 'held'; delayMs: number }
  | ({ status: 'invalid'; problem: string } & Known);

/** Why no attempt runs, after a search for workers of a newer version. */
export type Judged = Exclude<Unopened, { status: 'too_new' }> | { status: 'too_new'; wait: Waiting; found: TooNew };

/** What follows if no attempt runs: the task ends, or its job moves and nothing is recorded. */
export type UnopenedDecision = { next: 'end'; end: TaskEnd } | Extract<Move, { next: 'ended' | 'park' | 'abandon' }>;

/** Concludes a delivery without an attempt: the task has ended, waits, is cancelled, or cannot be read. */
export async function concludeUnopened(delivery: TaskDelivery, unopened: Unopened, deps: TaskDeps): Promise<Verdict> {
  const judged = await judge(delivery, unopened, deps);
  const decision = decideUnopened(delivery.taskId, judged, deps.redactor);
  if (decision.next !== 'end') return { wake: [], move: decision };
  const { end } = decision;
  const history = await historyOf(delivery.taskId, judged, deps);
  return verdictOf(await closeUnattended({ task: taskOf(delivery), end, history }, deps));
}

/**
 * Ends a task whose job the queue ended without a verdict of the worker, and returns the tasks that get its place. It
 * does not wait for the sweep: the batch settles only when all tasks have ended, and other tasks wait for the place.
 */
export async function concludeGivenUp(delivery: TaskDelivery, deps: TaskDeps): Promise<readonly Wake[]> {
  const { taskId } = delivery;
  const error = new ErrandError('ATTEMPT_STALLED_OUT', `the queue ended task ${taskId} without an outcome`);
  const history = await deps.records.history(taskId);
  const end = taskEndOf(error, deps.redactor);
  return verdictOf(await closeUnattended({ task: taskOf(delivery), end, history }, deps)).wake;
}

/** Decides what follows if no attempt of a task runs. */
export function decideUnopened(taskId: string, judged: Judged, redactor: Redactor): UnopenedDecision {
  const fail = (error: ErrandError) => ({ next: 'end' as const, end: taskEndOf(error, redactor) });
  switch (judged.status) {
    case 'held':
      return { next: 'park', delayMs: judged.delayMs };
    case 'ended':
      return { next: 'ended', outcome: judged.outcome };
    case 'parked':
      return { next: 'park', delayMs: parkMs(judged.waiting) };
    case 'too_new': {
      const { wait, found } = judged;
      if (wait.next === 'fail') return fail(wait.error);
      const line = found.looks === 1 && { line: `waits for a worker with ${wait.what}` };
      return { next: 'park', delayMs: wait.delayMs, ...line };
    }
    case 'unreadable': {
      const message = `the record of task ${taskId} does not parse: ${judged.problem}`;
      return fail(new ErrandError('RECORD_UNREADABLE', message));
    }
    case 'missing':
      return { next: 'abandon', line: `NOT_FOUND: the batch of task ${taskId} has no record` };
    case 'cancelled':
      return fail(new AttemptCancelled(judged.flag));
    case 'invalid':
      return fail(new ErrandError('TASK_INVALID', `the job of task ${taskId} does not parse: ${judged.problem}`));
  }
}

/**
 * Looks for a worker of a newer version, or with the toolsets that this worker lacks. If there is one, the wait of the
 * task starts over.
 */
async function judge({ taskId, provider, job }: TaskDelivery, unopened: Unopened, deps: TaskDeps): Promise<Judged> {
  if (unopened.status !== 'too_new') return unopened;
  const { toolsets = [] } = job.isReadable ? job.data.task : {};
  const lacking = deps.toolsets.lacking(toolsets);
  // Also those that only a toolset requires: this worker has that toolset, but cannot run the task.
  const wanted = lacking.length === 0 ? [] : [...new Set([...toolsets, ...lacking])];
  const wait = await deps.versions.waitFor(unopened, { lane: provider, toolsets: wanted });
  if (wait.next === 'wait' && wait.hasReader) await deps.records.restartWait(taskId);
  return { status: 'too_new', wait, found: unopened };
}

async function historyOf(taskId: string, judged: Judged, { records }: TaskDeps): Promise<Known> {
  if (judged.status === 'cancelled' || judged.status === 'invalid') return judged;
  return judged.status === 'unreadable' ? { ...UNREADABLE_HISTORY, epoch: judged.epoch } : records.history(taskId);
}

function taskOf({ taskId, job, provider }: TaskDelivery): ClosedTask {
  const { batchId, index } = parseTaskId(taskId) ?? { batchId: '', index: 0 };
  const spec = job.isReadable ? job.data.task : undefined;
  const route = job.isReadable ? { ...job.data.route, effective: null } : null;
  return { taskId, batchId, index, route, metadata: spec?.metadata, provider, spec };
}
