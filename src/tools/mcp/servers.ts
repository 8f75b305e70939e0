import type { ResourceKind } from '../../agent/resource.ts';
import type { ToolSession } from '../../agent/tool-session.ts';
import type { Toolset } from '../../agent/toolset.ts';
import type { HoldForWorker } from '../../agent/worker-hold.ts';
import { processKind } from '../../processes/process-kind.ts';
import { AttemptServer } from './attempt-server.ts';
import { Places } from './places.ts';
import type { ServerAccess } from './server-calls.ts';
import { holderName } from './server-holder.ts';
import type { ServerProcessDeps } from './server-process.ts';
import { sessionKind } from './session-kind.ts';
import type { McpServer, McpSettings } from './settings.ts';
import { SharedServer } from './shared-server.ts';
import { StartPause } from './start-pause.ts';
import type { ServerDeps } from './start-server.ts';
import type { ToolListStore } from './tool-lists.ts';
import { mcpToolset } from './toolset.ts';

/** What the MCP servers need of the worker. */
export type McpDeps = Omit<ServerProcessDeps, 'places'> & { lists: ToolListStore };

/** The MCP servers of a worker: a toolset `mcp:<name>` for each server of the configuration, and what runs of them. */
export class McpServers {
  readonly toolsets: readonly Toolset[];
  readonly #deps: McpDeps;
  readonly #places: Places;
  readonly #sessions: ResourceKind;
  readonly #shared: SharedServer[] = [];
  #holdForWorker: HoldForWorker | undefined;

  constructor({ max_processes, servers }: McpSettings, deps: McpDeps) {
    this.#deps = deps;
    this.#places = new Places(max_processes);
    this.#sessions = sessionKind(servers, deps);
    this.toolsets = servers.map((server) => this.#toolset(server));
  }

  /** How many processes wait for one of `max_processes` places. */
  get waiting(): number {
    return this.#places.waiting;
  }

  /** Shares the servers that are declared so. Before, each attempt has its own. */
  share(holdForWorker: HoldForWorker): void {
    this.#holdForWorker = holdForWorker;
  }

  /** Ends the shared servers. Attempts end theirs. Never throws. */
  async close(): Promise<void> {
    await Promise.all(this.#shared.map((server) => server.close()));
  }

  #toolset(server: McpServer): Toolset {
    const deps = { ...this.#deps, places: this.#places, pause: new StartPause() };
    const kind = server.url === undefined ? processKind(deps.deployment) : this.#sessions;
    let shared: SharedServer | undefined;
    const accessFor = (session: ToolSession) => {
      if (server.isolation === 'per_task' || !this.#holdForWorker) return new AttemptServer(server, session, deps);
      shared ??= this.#share(server, { ...deps, holdForWorker: this.#holdForWorker });
      return accessOf(shared, session);
    };
    return mcpToolset(server, { lists: deps.lists, kind, pause: deps.pause, accessFor });
  }

  #share(server: McpServer, deps: ServerDeps & { holdForWorker: HoldForWorker }): SharedServer {
    const shared = new SharedServer(server, deps);
    this.#shared.push(shared);
    return shared;
  }
}

function accessOf(shared: SharedServer, session: ToolSession): ServerAccess {
  return { use: (signal, use) => shared.use(holderName(session), signal, use) };
}
