import type { Toolset } from '../agent/toolset.ts';
import { probeSandbox } from '../tools/shell/probe.ts';
import { shellToolset } from '../tools/shell/toolset.ts';
import { type Config, processEnvironment } from './config.ts';
import { findWorkerGuard } from './worker-guard.ts';

/**
 * Makes the built-in toolsets that the configuration of the worker adds.
 * @throws ErrandError `CONFIG_INVALID` if `shell` is enabled and its sandbox does not work here.
 */
export async function optionalToolsets(config: Config): Promise<Toolset[]> {
  const { prefix, worker, workspace, shell: settings } = config;
  if (!settings.enabled) return [];
  const { path: guardPath } = await findWorkerGuard(config);
  const deployment = { prefix, workspaceRoot: worker.workspace_root };
  const means = { settings, guardPath, path: processEnvironment().PATH ?? '' };
  await probeSandbox(deployment, means);
  return [shellToolset({ ...means, deployment, maxFileBytes: workspace.max_bytes })];
}
