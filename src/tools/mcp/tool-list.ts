import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ToolClass } from '../../agent/tool.ts';
import { parseForeign } from '../../base/foreign.ts';
import { NamePatterns } from '../../base/name-patterns.ts';
import { clip, wellFormed } from '../../base/text.ts';
import { isWithin } from '../../contract/bounded-json.ts';
import type { McpServer } from './settings.ts';

/** The maximum number of tools of one server. */
const MAX_TOOLS = 256;
/** The maximum size of the list of one server as JSON, in characters. */
const MAX_CHARS = 512 * 1024;
const DESCRIPTION_CHARS = 8_192;
/** The maximum length of a tool name that every provider accepts. */
const NAME_CHARS = 64;

/** A tool as its server lists it. */
const ListedTool = z.object({
  name: z.string().min(1).max(128),
  description: z.string().optional(),
  inputSchema: z.looseObject({ type: z.literal('object') }),
});
export type ListedTool = z.infer<typeof ListedTool>;

/** The tools of a server, and the version that listed them. */
export const ToolList = z.object({
  server: z.object({ name: z.string().max(1_000), version: z.string().max(1_000) }),
  tools: z.array(ListedTool).max(MAX_TOOLS),
});
export type ToolList = z.infer<typeof ToolList>;

/** A tool as the model sees it, and its name at the server. */
export type NamedTool = ListedTool & { shownAs: string; class: ToolClass };

/** Returns the text of a list for the store. @throws Error for a list that is too large. */
export function textOfList(list: ToolList): string {
  const text = JSON.stringify(list);
  if (text.length > MAX_CHARS) throw new Error(`its list of tools has ${text.length} characters; max ${MAX_CHARS}`);
  return text;
}

/** Reads a list from the store; `null` if it is not a list. Anything may be in the store. */
export function listInText(text: string): ToolList | null {
  if (text.length > MAX_CHARS) return null;
  try {
    const value = parseForeign(text);
    return isWithin(value) ? (ToolList.safeParse(value).data ?? null) : null;
  } catch {
    return null;
  }
}

/**
 * Returns the tools that the configuration allows, with the names and classes that it gives them, sorted by name.
 * @throws Error if two tools get the same name.
 */
export function namedTools(server: McpServer, { tools }: ToolList): NamedTool[] {
  const isAllowed = new NamePatterns(Object.fromEntries(server.tools.map((pattern) => [pattern, true])), []);
  const classes = new NamePatterns<ToolClass>(server.class, ['effect', 'idempotent', 'read']);
  const allowed = tools.filter(({ name }) => isAllowed.find(name));
  const named = allowed.map((tool) => ({
    ...tool,
    shownAs: shownName(server.name, tool.name),
    // What a server says about its tools does not count.
    class: classes.find(tool.name) ?? 'effect',
  }));
  const byName = new Map<string, NamedTool>();
  for (const tool of named) {
    const other = byName.get(tool.shownAs);
    if (other) throw new Error(`its tools "${clip(other.name, 100)}" and "${clip(tool.name, 100)}" have the same name`);
    byName.set(tool.shownAs, tool);
  }
  return [...byName.values()].sort((a, b) => (a.shownAs < b.shownAs ? -1 : 1));
}

/** Returns what the model reads about a tool. */
export function descriptionOf({ name, description }: ListedTool): string {
  return clip(wellFormed(description?.trim() || name), DESCRIPTION_CHARS);
}

/**
 * Returns the name of a tool for the model: `server__tool`. A name that providers refuse gets a hash of the original in
 * place of what does not fit.
 */
function shownName(server: string, tool: string): string {
  const full = `${server}__${tool}`;
  if (/^[\w-]*$/.test(full) && full.length <= NAME_CHARS) return full;
  const hash = createHash('sha256').update(tool).digest('hex').slice(0, 8);
  return `${full.replace(/[^\w-]/g, '_').slice(0, NAME_CHARS - hash.length - 1)}_${hash}`;
}
