import type { Toolset } from '../agent/toolset.ts';
import { problemsOfToolsets } from '../agent/toolset-problems.ts';
import { Toolsets } from '../agent/toolsets.ts';
import { isHermesToolset } from '../contract/hermes-toolsets.ts';
import { builtInToolsets } from '../tools/built-in.ts';
import { OPTIONAL_TOOLSETS } from '../tools/names.ts';
import type { Config } from './config.ts';
import { configInvalid } from './config-fault.ts';
import { BASE_KINDS } from './resource-kinds.ts';

/**
 * A toolset that is not built in and not yet checked. `at`: its path in problems, such as `tool_modules.0`. `from`: the
 * file or the option that it comes from.
 */
export type OwnToolset = { at: string; from: string; toolset: unknown };

/** Returns the toolsets that a program passes to `createWorker`. */
export function toolsetsOfProgram(toolsets: readonly unknown[]): OwnToolset[] {
  return toolsets.map((toolset, index) => ({
    at: `toolsets.${index}`,
    from: 'the option toolsets of createWorker',
    toolset,
  }));
}

/**
 * Makes the toolsets of a worker: the built-in ones, those that its configuration adds (`optional`), and the checked own
 * ones.
 * @throws ErrandError `CONFIG_INVALID` with every problem of the own toolsets, by index and field.
 */
export function composeToolsets(
  { worker, workspace, http, mcp }: Config,
  own: readonly OwnToolset[],
  optional: readonly Toolset[] = [],
): Toolsets {
  const settings = { workspaceRoot: worker.workspace_root, limits: workspace, http };
  const builtIn = [...builtInToolsets(settings), ...optional];
  const taken = {
    toolsets: builtIn.map(({ name }) => name),
    tools: builtIn.flatMap(({ tools }) => tools ?? []).map(({ definition }) => definition.name),
    kinds: [...BASE_KINDS, ...builtIn.flatMap(({ resources }) => resources).map(({ kind }) => kind)],
    toolPrefixes: mcp.servers.map(({ name }) => `${name}__`),
  };
  const problems = problemsOfToolsets(own, taken, whyReserved);
  if (problems.length > 0) {
    const wrong = own.filter(({ at }) => problems.some(({ path }) => path === at || path.startsWith(`${at}.`)));
    throw configInvalid(problems, `Correct ${[...new Set(wrong.map(({ from }) => from))].join(', ')}.`);
  }
  return new Toolsets(
    builtIn,
    own.map(({ toolset }) => toolset as Toolset),
  );
}

/**
 * Says why a name is reserved: for a built-in toolset that other workers may have, or because a toolset name of Hermes
 * in a `delegate_task` payload means the toolset of Hermes.
 */
function whyReserved(name: string): string | null {
  if (OPTIONAL_TOOLSETS.includes(name))
    return 'expected a name that is not of a built-in toolset, which other workers may have; add a prefix';
  if (!isHermesToolset(name)) return null;
  return 'expected a name that is not a toolset of Hermes, because payloads for Hermes may contain it; add a prefix';
}
