import type { Toolset } from '../agent/toolset.ts';
import { type WorkspaceSettings, workspaceToolset } from './workspace/toolset.ts';

/** Makes the toolsets that every worker has; their names are `BUILT_IN_TOOLSETS`. */
export function builtInToolsets(settings: WorkspaceSettings): Toolset[] {
  return [workspaceToolset(settings)];
}
