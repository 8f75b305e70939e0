import { ATOMIC_TASKS } from '../contract/limits.ts';
import { ErrandError } from '../errors.ts';
import type { JobPlace, UnattendedJobs } from '../queue/unattended-jobs.ts';
import type { TaskRecords } from '../records/task-records.ts';
import { AttemptCancelled } from './classify.ts';
import type { ClosedTask } from './ending/close.ts';

/** A task without an outcome, and the place of its job; `null` for a task without a job. */
export type OpenTask = { taskId: string; batchId: string; index: number; place: JobPlace | null };

/** Whether the batch of a task is still being added, and its size. */
export type Added = { stage: 'enqueueing' | 'running'; total: number };

/** Reads the facts about a task from its job: its route, its metadata and its spec. */
export async function describeTask(
  { taskId, batchId, index, place }: OpenTask,
  jobs: UnattendedJobs,
): Promise<ClosedTask> {
  const data = place && (await jobs.read(taskId, place.provider));
  const route = data ? { ...data.route, effective: null } : null;
  const provider = place?.provider ?? '';
  return { taskId, batchId, index, route, metadata: data?.task.metadata, provider, spec: data?.task };
}

/** Returns the error that ends a task that is cancelled or has no job; `null` for any other task. */
export async function whyEnds(
  { taskId, place }: OpenTask,
  added: Added,
  records: TaskRecords,
): Promise<ErrandError | null> {
  const [flag] = await records.cancelFlags([taskId]);
  if (flag) return new AttemptCancelled(flag);
  return place === null ? withoutJob(taskId, added) : null;
}

/** The error for a task that has neither a job nor an outcome. Only a large batch can be added in part. */
function withoutJob(taskId: string, { stage, total }: Added): ErrandError {
  if (stage === 'enqueueing' && total > ATOMIC_TASKS)
    return new ErrandError('ENQUEUE_INCOMPLETE', `task ${taskId} was never added to its lane`);
  return new ErrandError('TASK_REMOVED', `the job of task ${taskId} was removed from the queue`);
}
