import type { TaskJob } from '../../contract/task.ts';
import type { Closing } from '../../records/closing.ts';
import type { TaskHistory } from '../../records/task-history.ts';
import type { TaskDeps } from '../task-deps.ts';
import { type AbandonDeps, abandonResponse } from './abandon-response.ts';
import { boundsOf, latestSpends } from './call-bounds.ts';
import { amendPast, type Ending, outcomeOf, type TaskFacts } from './outcome.ts';

/** What closing takes. */
export type CloseDeps = AbandonDeps &
  Pick<TaskDeps, 'redactor' | 'telemetry' | 'catalogue' | 'budget' | 'spends' | 'metadata'>;

/** Whose outcome is written; `provider` is that of its lane, empty where nobody knows. */
export type UnattendedTask = Pick<TaskFacts, 'taskId' | 'batchId' | 'index' | 'route' | 'metadata'> & {
  provider: string;
  /** Absent if its job is gone or does not parse. */
  spec?: TaskJob['task'] | undefined;
};

/** Writes the outcome of a task that runs nowhere, once what its earlier attempts left is given back. */
export async function closeWithoutAttempt(
  { provider, spec, ...task }: UnattendedTask,
  history: TaskHistory & { epoch: number },
  ending: Ending,
  deps: CloseDeps,
): Promise<Closing> {
  const { epoch, checkpoints, effects, isUnreadable } = history;
  const reclaimed = await deps.reclaim.ofTask(task.taskId, history.openRows);
  const abandoned = await abandonResponse(history.response, { taskId: task.taskId, epoch }, deps);
  const attempts = amendPast(history.past, [...reclaimed, ...abandoned]);
  const cutSpends = await latestSpends(task.taskId, { attempts, cutSpends: history.cutSpends }, deps);
  const metadata = task.metadata ?? (spec ? undefined : await deps.metadata.of(task.taskId));
  const facts = { ...task, metadata, attempts, checkpoints, effects, cutSpends, isUnreadable };
  const bounds = await boundsOf({ ...task, spec }, facts, deps);
  const outcome = outcomeOf(ending, { ...facts, bounds }, deps.redactor);
  const given = { owner: deps.self.instance, steps: abandoned };
  const closing = await deps.records.close(epoch, outcome, given, history.closedRows);
  if (closing.status === 'recorded') deps.telemetry.taskEnded(provider, closing.outcome);
  return closing;
}
