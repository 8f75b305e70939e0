import { newBatchId, taskIdOf } from '../base/ids.ts';
import type { CleanupRecord } from '../contract/cleanup.ts';
import { AttemptTools } from './attempt-tools.ts';
import { Scope } from './holding/scope.ts';
import type { TaskDeps } from './task-deps.ts';

/** What a trial needs of a worker, and the signal that ends it. */
export type TrialDeps = Pick<TaskDeps, 'toolsets' | 'releasers' | 'observer' | 'log' | 'watchdogs'> & {
  signal: AbortSignal;
};

/** What a trial returned or threw, and what became of the resources that it held. */
export type Trial<T> = { cleanup: CleanupRecord } & (
  | { status: 'done'; value: T }
  | { status: 'failed'; error: unknown }
);

/**
 * Opens toolsets as an attempt does, but outside of any task, and passes them to `use`. Releases what they hold
 * afterwards. Writes nothing to Redis, so nothing is released if the process is killed.
 */
export async function tryToolsets<T>(
  names: readonly string[],
  { signal, ...deps }: TrialDeps,
  use: (opened: AttemptTools, signal: AbortSignal) => Promise<T>,
): Promise<Trial<T>> {
  const batchId = newBatchId();
  const taskId = taskIdOf(batchId, 0);
  const scope = new Scope({ ...deps, records: { hold: async () => null } }, { taskId, epoch: 1, owner: 'trial' });
  const ending = new AbortController();
  const attempt = {
    ...{ taskId, epoch: 1, scope, isLastTry: true },
    job: { batch_id: batchId, task: { toolsets: [...names] } },
    signal: AbortSignal.any([signal, ending.signal]),
    abort: (reason: Error) => ending.abort(reason),
  };
  try {
    // A policy is about what models call.
    const opened = await AttemptTools.open(attempt, { ...deps, toolPolicy: {} });
    const value = await use(opened, attempt.signal);
    ending.abort();
    return { status: 'done', value, cleanup: await scope.unwind() };
  } catch (error) {
    ending.abort();
    return { status: 'failed', error, cleanup: await scope.unwind() };
  }
}
