import type { CallContext } from '../../agent/tool.ts';
import type { ToolReply } from '../../agent/tool-reply.ts';
import type { ToolSession } from '../../agent/tool-session.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import type { McpConnection } from './connection.ts';
import { openSession } from './http-session.ts';
import { type ServerProcessDeps, startServer } from './server-process.ts';
import type { McpServer } from './settings.ts';
import type { NamedTool, ToolList } from './tool-list.ts';

/**
 * The process of a server for one attempt, or its session with a server over HTTP. It is started by the first call, and again by the first call after its end.
 * The scope of the attempt ends it.
 */
export class AttemptServer {
  readonly #server: McpServer;
  readonly #session: ToolSession;
  readonly #deps: ServerProcessDeps;
  #connecting: Promise<McpConnection> | undefined;
  #starts = 0;

  constructor(server: McpServer, session: ToolSession, deps: ServerProcessDeps) {
    this.#server = server;
    this.#session = session;
    this.#deps = deps;
  }

  /** Lists the tools of the server. @throws Error if it cannot be started or lists no tools. */
  async list(): Promise<ToolList> {
    const connection = await this.#connected();
    return connection.list({ limitMs: this.#server.start_timeout_ms, signal: this.#session.signal });
  }

  /**
   * Calls a tool. If the server has ended, starts it once more. A call that was under way at its end is repeated, unless
   * it has an effect.
   * @throws Error that the model reads; the reason of the signal.
   */
  async call(tool: NamedTool, args: Record<string, unknown>, call: CallContext): Promise<ToolReply> {
    const request = { tool: tool.name, args, silentMs: this.#server.call_timeout_ms };
    for (let isLast = tool.class === 'effect'; ; isLast = true) {
      const connection = await unlessAborted(this.#connected(), call.signal);
      const result = await connection.call(request, call);
      if (result.status === 'replied') return result.reply;
      if (isLast) throw new Error(`the MCP server "${this.#server.name}" ended during the call; ${fateOf(tool)}`);
    }
  }

  async #connected(): Promise<McpConnection> {
    const before = this.#connecting;
    const open = await before?.catch(() => undefined);
    if (open?.isOpen) return open;
    // A call that runs beside this one may have started it meanwhile.
    return this.#connecting && this.#connecting !== before ? this.#connecting : this.#connect();
  }

  /** One start at a time, for calls that run together. */
  #connect(): Promise<McpConnection> {
    this.#starts++;
    const start = this.#server.url === undefined ? startServer : openSession;
    const connecting = start(this.#server, this.#session, `${this.#server.name}-${this.#starts}`, this.#deps);
    this.#connecting = connecting;
    return connecting;
  }
}

function fateOf({ class: ofClass }: NamedTool): string {
  return ofClass === 'effect' ? 'it may have taken effect, and was not repeated' : 'it was repeated once';
}
