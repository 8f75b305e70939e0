import type { Toolset } from '../agent/toolset.ts';
import { problemsOfToolsets } from '../agent/toolset-problems.ts';
import { Toolsets } from '../agent/toolsets.ts';
import { isHermesToolset } from '../contract/hermes-toolsets.ts';
import { builtInToolsets } from '../tools/built-in.ts';
import type { Config } from './config.ts';
import { configInvalid } from './config-fault.ts';
import { BASE_KINDS } from './resource-kinds.ts';

/**
 * Makes the toolsets of a worker: the built-in ones, and the checked toolsets of the program.
 * @throws ErrandError `CONFIG_INVALID` with every problem of the toolsets of the program, by index and field.
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

/** Says why a name is reserved: a toolset name of Hermes in a `delegate_task` payload means the toolset of Hermes. */
function whyReserved(name: string): string | null {
  if (!isHermesToolset(name)) return null;
  return 'expected a name that is not a toolset of Hermes, because payloads for Hermes may contain it; add a prefix';
}
