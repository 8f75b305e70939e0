import type { Closing } from '../../records/closing.ts';
import type { TaskHistory } from '../../records/task-history.ts';
import { during } from '../../telemetry/observer.ts';
import { workBefore } from '../result.ts';
import type { TaskDeps } from '../task-deps.ts';
import { type AbandonDeps, abandonResponse } from './abandon-response.ts';
import { type CloseDeps, type ClosedTask, close, endOfClosing, type Superseded } from './close.ts';
import { amendPast, type TaskEnd } from './outcome.ts';

/** The dependencies of {@link closeUnattended}. */
export type UnattendedDeps = AbandonDeps & CloseDeps & Pick<TaskDeps, 'metadata'>;

/** A task that no attempt runs, how it ends, and the stored state of its earlier attempts. */
export type Unattended = { task: ClosedTask; end: TaskEnd; history: TaskHistory & { epoch: number } };

/** Writes the outcome of a task that no attempt runs, after releasing the resources of earlier attempts. */
export async function closeUnattended(
  { task, end, history }: Unattended,
  deps: UnattendedDeps,
): Promise<Closing | Superseded> {
  const { taskId, spec } = task;
  const { epoch, isUnreadable, cutSpends, closedRows } = history;
  const reclaimed = await deps.reclaim.ofTask(history.openRows);
  const abandoned = await abandonResponse(history.response, { taskId, epoch }, deps);
  const attempts = amendPast(history.past, [...reclaimed, ...abandoned]);
  const { text, files, ...work } = workBefore(history);
  const facts = { ...work, answer: { text, files }, attempts, cutSpends, isUnreadable };
  const metadata = task.metadata ?? (spec ? undefined : await deps.metadata.of(taskId));
  const ended = { task: { ...task, metadata }, end, facts, epoch, steps: abandoned, closedRows };
  const step = { name: 'record', taskId, provider: task.provider } as const;
  return during(deps.observer, step, () => close(ended, deps), endOfClosing);
}
