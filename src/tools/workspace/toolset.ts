import type { Toolset } from '../../agent/toolset.ts';
import type { Deployment } from '../../base/deployment.ts';
import type { WorkspaceLimits } from '../../contract/limits.ts';
import { WORKSPACE } from '../names.ts';
import { workspaceKind, workspacePathOf } from './kind.ts';
import { workspaceTools } from './tools.ts';
import { Workspace } from './workspace.ts';

/** What the toolset needs of its deployment. */
export type WorkspaceSettings = Pick<Deployment, 'workspaceRoot'> & { limits: WorkspaceLimits };

/** Tools without files, to say what a model is shown. */
const SHOWN = workspaceTools({ list: async () => [], read: async () => '', write: async () => 0 });

/**
 * The toolset `workspace`: a directory for each attempt, and tools to list, read and write its files. A failing disk ends the
 * attempt, so that the task is tried again, perhaps on a worker with a better disk; at the last try the model is told instead.
 */
export function workspaceToolset({ workspaceRoot, limits }: WorkspaceSettings): Toolset {
  return {
    name: WORKSPACE,
    restores: true,
    resources: [workspaceKind({ workspaceRoot })],
    tools: SHOWN,
    faultCode: 'WORKSPACE_UNAVAILABLE',
    open: async (session) => {
      const ref = workspacePathOf({ workspaceRoot }, session.taskId, session.epoch);
      const acquire = () => Workspace.open(ref, limits, (error) => session.reportFault(error));
      const { workspace } = await session.hold({ workspace: { kind: 'workspace', ref, acquire } });
      return {
        tools: workspaceTools(workspace),
        collect: () => workspace.collect(),
        notes: () => (workspace.faultNote === undefined ? [] : [workspace.faultNote]),
      };
    },
  };
}
