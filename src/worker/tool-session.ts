import type { Hold } from '../agent/resource.ts';
import type { ToolSession } from '../agent/tool-session.ts';
import type { Toolset } from '../agent/toolset.ts';
import type { WorkspaceAccess } from '../agent/workspace-access.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { note } from '../telemetry/observer.ts';
import type { ToolAttempt } from './attempt.ts';
import type { TaskDeps } from './task-deps.ts';

/** What a session is made from. `workspace`: the files of the attempt, for a toolset that requires them. */
export type SessionDeps = Pick<TaskDeps, 'observer' | 'log'> & { workspace: WorkspaceAccess | undefined };

/** Makes the view that a toolset has of an attempt. */
export function sessionOf(
  toolset: Toolset,
  attempt: ToolAttempt,
  { observer, log, workspace }: SessionDeps,
): ToolSession {
  const { taskId, epoch, job, signal } = attempt;
  return {
    taskId,
    batchId: job.batch_id,
    epoch,
    metadata: job.task.metadata ?? {},
    signal,
    hold: holdOf(toolset, attempt),
    workspace,
    log: log.child({ task_id: taskId, epoch, toolset: toolset.name }),
    reportFault: (error) => {
      const fault = faultOf(toolset, error);
      note(observer, { name: 'fault', where: toolset.name, error: fault });
      if (!attempt.isLastTry) attempt.abort(fault);
    },
  };
}

/**
 * Returns the error of a toolset that failed: an ErrandError unchanged, any other error with the code of the toolset.
 */
export function faultOf({ name, faultCode = 'TOOLSET_UNAVAILABLE' }: Toolset, error: unknown): ErrandError {
  if (isErrandError(error)) return error;
  return new ErrandError(faultCode, `toolset "${name}": ${messageOf(error)}`, { cause: error });
}

/**
 * Holds resources of the toolset. If that is refused because the attempt is over, aborts it, even if the tool
 * continues.
 */
function holdOf(toolset: Toolset, attempt: ToolAttempt): Hold {
  const kinds = new Set(toolset.resources.map(({ kind }) => kind));
  return async (resources) => {
    for (const name in resources) {
      const { kind } = resources[name];
      if (!kinds.has(kind)) throw new Error(`toolset "${toolset.name}" does not declare the resource kind "${kind}"`);
    }
    try {
      return await attempt.scope.hold(resources);
    } catch (error) {
      if (isErrandError(error, 'ATTEMPT_CANCELLED') || isErrandError(error, 'ATTEMPT_SUPERSEDED')) attempt.abort(error);
      throw error;
    }
  };
}
