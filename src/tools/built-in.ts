import type { Toolset } from '../agent/toolset.ts';
import type { HttpSettings } from './http/settings.ts';
import { httpToolset } from './http/toolset.ts';
import { type WorkspaceSettings, workspaceToolset } from './workspace/toolset.ts';

/** The settings of the built-in toolsets. */
export type BuiltInSettings = WorkspaceSettings & { http: HttpSettings };

/**
 * Makes the toolsets that every worker has, `BUILT_IN_TOOLSETS`, and the toolset `http` if its settings turn it on.
 */
export function builtInToolsets({ http, ...workspace }: BuiltInSettings): Toolset[] {
  return [workspaceToolset(workspace), ...(http.allow.length > 0 ? [httpToolset(http)] : [])];
}
