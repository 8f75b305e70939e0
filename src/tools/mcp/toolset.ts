import type { ResourceKind } from '../../agent/resource.ts';
import { shownTool } from '../../agent/shown-tool.ts';
import type { Tool } from '../../agent/tool.ts';
import type { ToolSession } from '../../agent/tool-session.ts';
import type { Toolset } from '../../agent/toolset.ts';
import { isObject } from '../../base/foreign.ts';
import { typeOf } from '../../contract/plain-json.ts';
import { type ServerAccess, ServerCalls } from './server-calls.ts';
import type { McpServer } from './settings.ts';
import type { StartPause } from './start-pause.ts';
import { descriptionOf, type NamedTool, namedTools } from './tool-list.ts';
import { type ToolListStore, ToolLists } from './tool-lists.ts';

/** What a toolset of an MCP server needs. `accessFor` gives an attempt its access to the server. */
export type McpToolsetDeps = {
  lists: ToolListStore;
  kind: ResourceKind;
  pause: StartPause;
  accessFor: (session: ToolSession) => ServerAccess;
};

/** Makes the toolset `mcp:<name>` of an MCP server. */
export function mcpToolset(server: McpServer, { lists: store, kind, pause, accessFor }: McpToolsetDeps): Toolset {
  const lists = new ToolLists(server, store);
  return {
    name: `mcp:${server.name}`,
    restores: false,
    resources: [kind],
    tools: null,
    open: async (session) => {
      const calls = new ServerCalls(server, accessFor(session), { lists, pause });
      const list = await calls.list(session.signal);
      return { tools: namedTools(server, list).map((tool) => toolOf(tool, calls)), notes: () => calls.notes };
    },
  };
}

function toolOf(tool: NamedTool, calls: ServerCalls): Tool {
  const { shownAs: name, inputSchema: parameters } = tool;
  return {
    definition: shownTool({ name, description: descriptionOf(tool), parameters }),
    class: tool.class,
    run: async (args, call) => {
      if (!isObject(args)) throw new Error(`expected the arguments as an object, got ${typeOf(args)}`);
      return calls.call(tool, args, call);
    },
  };
}
