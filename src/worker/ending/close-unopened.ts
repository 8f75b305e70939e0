import { parseTaskId } from '../../base/ids.ts';
import type { Wake } from '../../contract/task.ts';
import { ErrandError } from '../../errors.ts';
import type { TaskDelivery } from '../../queue/consumer.ts';
import type { Verdict } from '../../queue/verdict.ts';
import type { Opening, TooNew } from '../../records/opening.ts';
import { type TaskHistory, UNREADABLE_HISTORY } from '../../records/task-history.ts';
import { AttemptCancelled } from '../classify.ts';
import type { TaskDeps } from '../task-deps.ts';
import { closeWithoutAttempt } from './close-without-attempt.ts';
import { parkMs } from './deferral.ts';
import type { Ending } from './outcome.ts';

/** Answers a delivery that starts no child: the task has ended, is held, waits its turn, is cancelled, or cannot be read. */
export async function closeUnopened(delivery: TaskDelivery, opening: Opening, deps: TaskDeps): Promise<Verdict> {
  const { taskId, job } = delivery;
  switch (opening.status) {
    case 'held':
      return park(taskId, await deps.held.delayMs(parseTaskId(taskId)?.batchId ?? ''), deps);
    case 'ended':
      return { next: 'ended', outcome: opening.outcome, wake: [] };
    case 'parked':
      return park(taskId, parkMs(opening.waiting), deps);
    case 'too_new':
      return waitForNewer(delivery, opening, deps);
    case 'unreadable': {
      const error = new ErrandError(
        'RECORD_UNREADABLE',
        `the record of task ${taskId} does not parse: ${opening.problem}`,
      );
      const { epoch } = opening;
      return close(delivery, { ...UNREADABLE_HISTORY, epoch }, { status: 'failed', error }, deps);
    }
    case 'missing':
      return { next: 'abandon', line: `NOT_FOUND: the batch of task ${taskId} is not on record`, wake: [] };
    case 'cancelled': {
      const { flag } = opening;
      return close(delivery, opening, { status: 'cancelled', error: new AttemptCancelled(flag), flag }, deps);
    }
    case 'opened': {
      const problem = job.isReadable ? '' : `: ${job.problem}`;
      const error = new ErrandError('TASK_INVALID', `the job of task ${taskId} does not parse${problem}`);
      return close(delivery, opening, { status: 'failed', error }, deps);
    }
  }
}

/** Puts the job back until a newer worker takes it, or ends the task once it has waited for too long without one. */
async function waitForNewer(delivery: TaskDelivery, found: TooNew, deps: TaskDeps): Promise<Verdict> {
  const { taskId, provider } = delivery;
  const wait = await deps.versions.waitFor(found, provider);
  if (wait.next === 'fail') {
    const history = await deps.records.history(taskId);
    return close(delivery, history, { status: 'failed', error: wait.error }, deps);
  }
  if (wait.hasReader) await deps.records.restartWait(taskId);
  const line = found.looks === 1 ? { line: `waits for a worker with reader version ${found.needs}` } : {};
  return { ...park(taskId, wait.delayMs, deps), ...line };
}

function park(taskId: string, delayMs: number, deps: TaskDeps): Verdict {
  return { next: 'park', delayMs, wake: [], isCancelled: () => deps.records.isCancelled(taskId) };
}

/**
 * Ends a task that the queue has given up without a verdict of ours, and returns the tasks that get its place. At once,
 * because its batch settles only when all tasks have ended, and those that wait for the place would never.
 */
export async function closeGivenUp(delivery: TaskDelivery, deps: TaskDeps): Promise<Wake[]> {
  const { taskId } = delivery;
  const history = await deps.records.history(taskId);
  const error = new ErrandError('ATTEMPT_STALLED_OUT', `the queue ended task ${taskId} without an outcome`);
  const { wake } = await close(delivery, history, { status: 'failed', error }, deps);
  return wake;
}

async function close(
  { taskId, job, provider }: TaskDelivery,
  history: TaskHistory & { epoch: number },
  ending: Ending,
  deps: TaskDeps,
): Promise<Verdict> {
  const { batchId, index } = parseTaskId(taskId) ?? { batchId: '', index: 0 };
  const spec = job.isReadable ? job.data.task : undefined;
  const route = job.isReadable ? { ...job.data.route, effective: null } : null;
  const task = { taskId, batchId, index, route, metadata: spec?.metadata, provider, spec };
  const closing = await closeWithoutAttempt(task, history, ending, deps);
  return { next: 'ended', outcome: closing.outcome, wake: closing.wake };
}
