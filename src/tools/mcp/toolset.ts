import type { ResourceKind } from '../../agent/resource.ts';
import { shownTool } from '../../agent/shown-tool.ts';
import type { Tool } from '../../agent/tool.ts';
import type { Toolset } from '../../agent/toolset.ts';
import { typeOf } from '../../contract/plain-json.ts';
import { processKind } from '../../processes/process-kind.ts';
import { AttemptServer } from './attempt-server.ts';
import { Places } from './places.ts';
import type { ServerProcessDeps } from './server-process.ts';
import { sessionKind } from './session-kind.ts';
import type { McpServer, McpSettings } from './settings.ts';
import { descriptionOf, type NamedTool, namedTools } from './tool-list.ts';
import { type ToolListStore, ToolLists } from './tool-lists.ts';

/** What the toolsets of MCP servers need of the worker. */
export type McpDeps = Omit<ServerProcessDeps, 'places'> & { lists: ToolListStore };

/** Makes a toolset `mcp:<name>` for each MCP server of the configuration. */
export function mcpToolsets({ max_processes, servers }: McpSettings, deps: McpDeps): Toolset[] {
  const places = new Places(max_processes);
  const sessions = sessionKind(servers, deps);
  return servers.map((server) => mcpToolset(server, { ...deps, places, sessions }));
}

function mcpToolset(server: McpServer, deps: McpDeps & ServerProcessDeps & { sessions: ResourceKind }): Toolset {
  const lists = new ToolLists(server, deps.lists);
  return {
    name: `mcp:${server.name}`,
    restores: false,
    resources: [server.url === undefined ? processKind(deps.deployment) : deps.sessions],
    tools: null,
    open: async (session) => {
      const own = new AttemptServer(server, session, deps);
      const list = await lists.get(() => own.list(), session.signal);
      return { tools: namedTools(server, list).map((tool) => toolOf(tool, own)) };
    },
  };
}

function toolOf(tool: NamedTool, server: AttemptServer): Tool {
  const { shownAs: name, inputSchema: parameters } = tool;
  return {
    definition: shownTool({ name, description: descriptionOf(tool), parameters }),
    class: tool.class,
    run: async (args, call) => {
      if (!isObject(args)) throw new Error(`expected the arguments as an object, got ${typeOf(args)}`);
      return server.call(tool, args, call);
    },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeOf(value) === 'object';
}
