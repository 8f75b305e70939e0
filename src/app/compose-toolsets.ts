import type { Toolset } from '../agent/toolset.ts';
import { problemsOfToolsets } from '../agent/toolset-problems.ts';
import { Toolsets } from '../agent/toolsets.ts';
import { isHermesToolset } from '../contract/hermes-toolsets.ts';
import { builtInToolsets } from '../tools/built-in.ts';
import type { Config } from './config.ts';
import { configInvalid } from './config-fault.ts';
import { BASE_KINDS } from './resource-kinds.ts';

/**
 * Makes the toolsets of a worker: the built-in ones, and its own, which are checked.
 * @throws ErrandError `CONFIG_INVALID` with every problem of its own toolsets, by index and field.
 */
export function composeToolsets({ worker, workspace }: Config, own: readonly unknown[]): Toolsets {
  const builtIn = builtInToolsets({ workspaceRoot: worker.workspace_root, limits: workspace });
  const taken = {
    toolsets: builtIn.map(({ name }) => name),
    tools: builtIn.flatMap(({ tools }) => tools ?? []).map(({ definition }) => definition.name),
    kinds: [...BASE_KINDS, ...builtIn.flatMap(({ resources }) => resources).map(({ kind }) => kind)],
  };
  const problems = problemsOfToolsets(own, taken, whyReserved);
  if (problems.length > 0) throw configInvalid(problems, 'Correct the option toolsets of createWorker.');
  return new Toolsets(builtIn, own as readonly Toolset[]);
}

/** A payload of `delegate_task` that names a toolset of Hermes means that of Hermes, so the name is left out. */
function whyReserved(name: string): string | null {
  if (!isHermesToolset(name)) return null;
  return 'expected a name that no toolset of Hermes has, because payloads for Hermes may have it; add a prefix';
}
