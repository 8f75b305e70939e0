import { type ErrandError, messageOf } from '../../errors.ts';
import { Workspace } from '../../tools/workspace/workspace.ts';
import type { Attempt } from '../attempt.ts';
import type { TaskDeps } from '../task-deps.ts';
import { workspacePathOf } from './row-names.ts';

/**
 * Makes the workspace of an attempt and writes its row. If its disk fails later, the attempt ends and the task is tried again,
 * perhaps on a worker with a better disk; the calls of the last turn run again then. At the last try the model is told instead,
 * so that it can still answer.
 * @throws ErrandError `WORKSPACE_UNAVAILABLE` if it cannot be made, and what {@link Scope.hold} throws.
 */
export async function holdWorkspace(attempt: Attempt, deps: TaskDeps): Promise<Workspace> {
  const { scope, taskId, epoch } = attempt;
  const path = workspacePathOf(deps.deployment, taskId, epoch);
  const onFault = (error: ErrandError) => {
    deps.telemetry.fault('workspace', error);
    if (!attempt.isLastTry) attempt.controller.abort(error);
  };
  const acquire = () => Workspace.open(path, deps.workspaceLimits, onFault);
  const { workspace } = await scope.hold({ workspace: { kind: 'workspace' as const, ref: path, acquire } });
  attempt.workspace = workspace;
  return workspace;
}

/**
 * Takes the files into the answer of an attempt that succeeded.
 * @throws ErrandError `WORKSPACE_UNAVAILABLE` if they cannot be read. The next attempt writes them again, without a model call.
 */
export async function deliverFiles(attempt: Attempt): Promise<void> {
  if (attempt.workspace) attempt.files = await attempt.workspace.collect();
}

/** Takes the files into the partial answer of an attempt that failed. If they cannot be read, the outcome says so in its notes. */
export async function keepFiles(attempt: Attempt): Promise<void> {
  try {
    await deliverFiles(attempt);
  } catch (error) {
    attempt.notes.push(`the files of the workspace were not kept: ${messageOf(error)}`);
  }
}
