import type { CallContext } from '../../agent/tool.ts';
import type { ToolReply } from '../../agent/tool-reply.ts';
import type { McpConnection } from './connection.ts';
import type { McpServer } from './settings.ts';
import type { NamedTool, ToolList } from './tool-list.ts';

/** A server that is started when it is used: for one attempt, or shared by all attempts of the worker. */
export interface ServerAccess {
  /**
   * Runs `use` with an open connection. Starts the server first if it does not run.
   * @throws Error if the server cannot be started; what `use` throws; the reason of the signal.
   */
  use<T>(signal: AbortSignal, use: (connection: McpConnection) => Promise<T>): Promise<T>;
}

/** The calls of one attempt to a server. */
export class ServerCalls {
  readonly #server: McpServer;
  readonly #access: ServerAccess;

  constructor(server: McpServer, access: ServerAccess) {
    this.#server = server;
    this.#access = access;
  }

  /** Lists the tools of the server. @throws Error if it cannot be started or lists no tools. */
  async list(signal: AbortSignal): Promise<ToolList> {
    const limits = { limitMs: this.#server.start_timeout_ms, signal };
    return this.#access.use(signal, (connection) => connection.list(limits));
  }

  /**
   * Calls a tool. If the server has ended, starts it once more. A call that was under way at its end is repeated, unless
   * it has an effect.
   * @throws Error that the model reads; the reason of the signal.
   */
  async call(tool: NamedTool, args: Record<string, unknown>, call: CallContext): Promise<ToolReply> {
    const request = { tool: tool.name, args, silentMs: this.#server.call_timeout_ms };
    for (let isLast = tool.class === 'effect'; ; isLast = true) {
      const result = await this.#access.use(call.signal, (connection) => connection.call(request, call));
      if (result.status === 'replied') return result.reply;
      if (isLast) throw new Error(`the MCP server "${this.#server.name}" ended during the call; ${fateOf(tool)}`);
    }
  }
}

function fateOf({ class: ofClass }: NamedTool): string {
  return ofClass === 'effect' ? 'it may have taken effect, and was not repeated' : 'it was repeated once';
}
