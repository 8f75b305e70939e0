import type { CallContext } from '../../agent/tool.ts';
import type { ToolReply } from '../../agent/tool-reply.ts';
import type { McpConnection } from './connection.ts';
import type { McpServer } from './settings.ts';
import type { StartPause } from './start-pause.ts';
import type { NamedTool, ToolList } from './tool-list.ts';
import type { ToolLists } from './tool-lists.ts';

/** A server that is started when it is used: for one attempt, or shared by all attempts of the worker. */
export interface ServerAccess {
  /**
   * Runs `use` with an open connection. Starts the server first if it does not run.
   * @throws Error if the server cannot be started; what `use` throws; the reason of the signal.
   */
  use<T>(signal: AbortSignal, use: (connection: McpConnection) => Promise<T>): Promise<T>;
}

/** The kept list of the tools of a server, and the pause after a failed start. */
export type ServerCallsDeps = { lists: ToolLists; pause: StartPause };

/** The calls of one attempt to a server. */
export class ServerCalls {
  readonly #server: McpServer;
  readonly #access: ServerAccess;
  readonly #deps: ServerCallsDeps;
  /** The list that this attempt knows, and how many changes the server had told before it. */
  #list: ToolList | undefined;
  #changes = 0;
  #isUnguarded = false;

  constructor(server: McpServer, access: ServerAccess, deps: ServerCallsDeps) {
    this.#server = server;
    this.#access = access;
    this.#deps = deps;
  }

  /** The notes for the outcome. */
  get notes(): string[] {
    if (!this.#isUnguarded) return [];
    const what = `the MCP server "${this.#server.name}" ran without the process guard`;
    return [`${what}: if its worker is killed, only a sweep ends its processes`];
  }

  /** Returns the tools of the server, as kept or as it lists them. @throws Error if it cannot be started or lists no tools. */
  async list(signal: AbortSignal): Promise<ToolList> {
    const { lists, pause } = this.#deps;
    const ask = async () => {
      await pause.over(signal);
      return this.#access.use(signal, (connection) => this.#ask(connection, signal));
    };
    this.#list = await lists.get(ask, signal);
    return this.#list;
  }

  /**
   * Calls a tool. If the server has ended, starts it once more. A call that was under way at its end is repeated, unless
   * it has an effect.
   * @throws Error that the model reads; the reason of the signal.
   */
  async call(tool: NamedTool, args: Readonly<Record<string, unknown>>, call: CallContext): Promise<ToolReply> {
    const request = { tool: tool.name, args, silentMs: this.#server.call_timeout_ms };
    for (let isLast = tool.class === 'effect'; ; isLast = true) {
      const result = await this.#access.use(call.signal, async (connection) => {
        await this.#assertHas(connection, tool, call.signal);
        return connection.call(request, call);
      });
      if (result.status === 'replied') return result.reply;
      if (isLast) throw new Error(`the MCP server "${this.#server.name}" ended during the call; ${fateOf(tool)}`);
    }
  }

  /**
   * Fetches the list again if another version wrote it, or if the tools have changed since. The model keeps the tools
   * that it has seen.
   */
  async #assertHas(connection: McpConnection, { name }: NamedTool, signal: AbortSignal): Promise<void> {
    this.#isUnguarded ||= connection.isUnguarded;
    if (!this.#list || !this.#isCurrent(this.#list, connection)) {
      this.#list = await this.#ask(connection, signal);
      await this.#deps.lists.put(this.#list);
    }
    if (this.#list.tools.some((tool) => tool.name === name)) return;
    throw new Error(`the MCP server "${this.#server.name}" no longer has this tool`);
  }

  #isCurrent({ server }: ToolList, connection: McpConnection): boolean {
    const { name, version } = connection.server;
    return server.name === name && server.version === version && connection.changes === this.#changes;
  }

  #ask(connection: McpConnection, signal: AbortSignal): Promise<ToolList> {
    this.#isUnguarded ||= connection.isUnguarded;
    this.#changes = connection.changes;
    return connection.list({ limitMs: this.#server.start_timeout_ms, signal });
  }
}

function fateOf({ class: ofClass }: NamedTool): string {
  return ofClass === 'effect' ? 'it may have taken effect, and was not repeated' : 'it was repeated once';
}
