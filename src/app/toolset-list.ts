import type { Tool } from '../agent/tool.ts';
import type { Toolset } from '../agent/toolset.ts';
import type { ServedToolsets } from '../contract/toolset-check.ts';
import { messageOf } from '../errors.ts';
import { Announcements, toolsetsServed } from '../records/announcements.ts';
import { awaitReady, closeRedis, openFailFastRedis } from '../redis/connection.ts';
import type { RedisTarget } from '../redis/target.ts';
import { type TrialDeps, tryToolsets } from '../worker/trial.ts';
import type { TrialParts } from './compose-trial.ts';

const WITHIN_MS = 3_000;

/** One tool as a command lists it. */
export type ListedTool = Pick<Tool, 'class'> & Tool['definition'];

/** One toolset with its tools. `error` says why it could not be opened; `null` if its tools are known. */
export type ListedToolset = {
  name: string;
  from: string;
  requires: readonly string[];
  tools: ListedTool[];
  error: string | null;
};

/** Lists the toolsets with their tools. A toolset whose tools only `open` knows is opened for a moment. */
export async function listToolsets({ deps, toolsets }: TrialParts): Promise<ListedToolset[]> {
  const listed: ListedToolset[] = [];
  for (const { toolset, from } of toolsets) {
    const { name, requires = [] } = toolset;
    const found = await toolsOf(toolset, deps);
    const tools = found.tools.map((tool) => ({ ...tool.definition, class: tool.class }));
    listed.push({ name, from, requires, tools, error: found.error });
  }
  return listed;
}

async function toolsOf(
  { name, tools }: Toolset,
  deps: TrialDeps,
): Promise<{ tools: readonly Tool[]; error: string | null }> {
  if (tools !== null) return { tools, error: null };
  const trial = await tryToolsets([name], deps, async (opened) => opened.toolsOf(name));
  if (trial.status === 'done') return { tools: trial.value, error: null };
  deps.signal.throwIfAborted();
  return { tools: [], error: messageOf(trial.error) };
}

/** Asks Redis which toolsets live workers announce. @throws ErrandError if Redis does not answer within 3 s. */
export async function announcedToolsets(target: RedisTarget, prefix: string): Promise<ServedToolsets> {
  const redis = openFailFastRedis({ target, onError: () => undefined });
  try {
    await awaitReady(redis, WITHIN_MS);
    return toolsetsServed(await new Announcements(redis, prefix).live());
  } finally {
    closeRedis(redis);
  }
}
