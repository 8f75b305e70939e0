import type { Answer } from '../../contract/outcome.ts';
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
    if (!attempt.isLastTry) attempt.abort(error);
  };
  const acquire = () => Workspace.open(path, deps.workspaceLimits, onFault);
  const { workspace } = await scope.hold({ workspace: { kind: 'workspace' as const, ref: path, acquire } });
  return workspace;
}

/** The files of an attempt, and what went wrong with them. */
export type KeptFiles = { files: Answer['files']; notes: readonly string[] };

/**
 * Reads the files for the answer of an attempt that succeeded.
 * @throws ErrandError `WORKSPACE_UNAVAILABLE` if they cannot be read. The next attempt writes them again, without a model call.
 */
export async function deliverFiles(workspace: Workspace | null): Promise<KeptFiles> {
  if (!workspace) return { files: [], notes: [] };
  const files = await workspace.collect();
  return { files, notes: faultsOf(workspace) };
}

/** Reads the files for the partial answer of an attempt that failed. If they cannot be read, a note says so. */
export async function keepFiles(workspace: Workspace | null): Promise<KeptFiles> {
  try {
    return await deliverFiles(workspace);
  } catch (error) {
    const note = `the files of the workspace were not kept: ${messageOf(error)}`;
    return { files: [], notes: [note, ...faultsOf(workspace)] };
  }
}

function faultsOf(workspace: Workspace | null): string[] {
  return workspace?.faultNote === undefined ? [] : [workspace.faultNote];
}
