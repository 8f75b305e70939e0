import type { Redactor } from '../../base/secret.ts';
import type { CleanupStep } from '../../contract/cleanup.ts';
import { type Failure, failureOf } from '../../contract/failure.ts';
import type { TaskJob } from '../../contract/task.ts';
import { isErrandError } from '../../errors.ts';
import type { Closing } from '../../records/closing.ts';
import type { StepEnd } from '../../telemetry/step.ts';
import type { TaskDeps } from '../task-deps.ts';
import { boundsOf, latestSpends } from './call-bounds.ts';
import { outcomeOf, type TaskEnd, type TaskFacts } from './outcome.ts';

/** The dependencies of {@link close}. */
export type CloseDeps = Pick<
  TaskDeps,
  | 'records'
  | 'spends'
  | 'catalogue'
  | 'prices'
  | 'budget'
  | 'toolsets'
  | 'instructions'
  | 'redactor'
  | 'observer'
  | 'self'
>;

/** The task to close; `provider` is the provider of its lane, empty if it is unknown. */
export type ClosedTask = Pick<TaskFacts, 'taskId' | 'batchId' | 'index' | 'route' | 'metadata'> & {
  provider: string;
  /** Absent if its job is gone or does not parse. */
  spec?: TaskJob['task'] | undefined;
};

/** A task that ends, and the parts of its outcome. */
export type EndedTask = {
  task: ClosedTask;
  end: TaskEnd;
  facts: Omit<TaskFacts, keyof ClosedTask | 'bounds'>;
  /** The newest epoch of the task; 0 if it never started. */
  epoch: number;
  /** The resources that were released since the last write. */
  steps: readonly CleanupStep[];
  /** The number of closed rows of its history that the outcome includes. */
  closedRows: number;
};

/** A newer attempt of the task is recorded, so a write was refused. */
export type Superseded = { status: 'superseded'; failure: Failure };

/** Writes the outcome of a task, unless it has one. */
export async function close(ended: EndedTask, deps: CloseDeps): Promise<Closing | Superseded> {
  const { task, end, epoch, steps, closedRows } = ended;
  const { provider: _, spec: __, ...named } = task;
  const cutSpends = await latestSpends(task.taskId, ended.facts, deps);
  const bounds = await boundsOf(task, ended.facts, deps);
  const outcome = outcomeOf(end, { ...named, ...ended.facts, cutSpends, bounds });
  const released = { owner: deps.self.instance, steps };
  return unlessSuperseded(deps.records.close(epoch, outcome, released, closedRows), deps.redactor);
}

/** The end of the step that closed a task: `recorded` if it wrote the outcome, `done` if the task had one. */
export function endOfClosing(closing: Closing | Superseded): StepEnd {
  return closing.status === 'recorded' ? { status: 'recorded', outcome: closing.outcome } : { status: 'done' };
}

/** Returns the result of the write, or `superseded` if the fence of a newer attempt refused it. */
export async function unlessSuperseded<T>(writing: Promise<T>, redactor: Redactor): Promise<T | Superseded> {
  try {
    return await writing;
  } catch (error) {
    if (!isErrandError(error, 'ATTEMPT_SUPERSEDED')) throw error;
    return { status: 'superseded', failure: failureOf(error, redactor) };
  }
}
