import type { ToolSession } from '../../agent/tool-session.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import type { McpConnection } from './connection.ts';
import type { ServerAccess } from './server-calls.ts';
import type { McpServer } from './settings.ts';
import { connectTo, type ServerDeps } from './start-server.ts';

/**
 * The process of a server for one attempt, or its session with a server over HTTP. It is started by the first use, and
 * again by the first use after its end. The scope of the attempt ends it.
 */
export class AttemptServer implements ServerAccess {
  readonly #server: McpServer;
  readonly #session: ToolSession;
  readonly #deps: ServerDeps;
  #connecting: Promise<McpConnection> | undefined;
  #starts = 0;

  constructor(server: McpServer, session: ToolSession, deps: ServerDeps) {
    this.#server = server;
    this.#session = session;
    this.#deps = deps;
  }

  async use<T>(signal: AbortSignal, use: (connection: McpConnection) => Promise<T>): Promise<T> {
    return use(await unlessAborted(this.#connected(), signal));
  }

  async #connected(): Promise<McpConnection> {
    const before = this.#connecting;
    const open = await before?.catch(() => undefined);
    if (open?.isOpen) return open;
    await open?.ended; // Its place may be the only one.
    // A call that runs beside this one may have started it meanwhile.
    return this.#connecting && this.#connecting !== before ? this.#connecting : this.#connect();
  }

  /** One start at a time, for calls that run together. */
  #connect(): Promise<McpConnection> {
    this.#connecting = connectTo(this.#server, this.#session, ++this.#starts, this.#deps);
    return this.#connecting;
  }
}
