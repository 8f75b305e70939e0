import type { Toolset } from '../../agent/toolset.ts';
import type { Deployment } from '../../base/deployment.ts';
import type { WorkspaceLimits } from '../../contract/limits.ts';
import { WORKSPACE } from '../names.ts';
import { workspaceKind, workspacePathOf } from './kind.ts';
import { workspaceTools } from './tools.ts';
import { Workspace } from './workspace.ts';

/** The settings of the toolset. */
export type WorkspaceSettings = Pick<Deployment, 'workspaceRoot'> & { limits: WorkspaceLimits };

/** Tools without files, for their definitions. */
const SHOWN = workspaceTools({
  list: async () => [],
  read: async () => '',
  search: async () => '',
  write: async () => 0,
  append: async () => 0,
  edit: async () => 0,
  remove: async () => undefined,
});

/**
 * The toolset `workspace`: a directory for each attempt, and tools for its files. If the disk
 * fails, the attempt ends and the task is retried, perhaps on a worker with a working disk. At the last try the model
 * gets the error.
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
        workspace,
        collect: () => workspace.collect(),
        notes: () => (workspace.faultNote === undefined ? [] : [workspace.faultNote]),
      };
    },
  };
}
