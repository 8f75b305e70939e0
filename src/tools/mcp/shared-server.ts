import type { HoldForWorker, WorkerHold } from '../../agent/worker-hold.ts';
import { monotonicMs } from '../../base/clock.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import type { McpConnection } from './connection.ts';
import type { McpServer } from './settings.ts';
import { connectTo, type ServerDeps } from './start-server.ts';

/** How long a server may be without a use before it has to answer a ping. */
const QUIET_MS = 30_000;
const PING_WITHIN_MS = 5_000;
/** The default of `idle_ms`. */
const IDLE_MS = 300_000;

/** What a shared server needs. `holdForWorker` opens what holds its process or its session. */
export type SharedServerDeps = ServerDeps & { holdForWorker: HoldForWorker };

type Running = { connection: McpConnection; hold: WorkerHold };

/**
 * The process of a server for all attempts of a worker, or its session with a server over HTTP. It is started by the
 * first use, and ended after its idle time, when another server waits for its place, or by {@link SharedServer.close}.
 *
 * Invariants
 * - It is never ended during a use.
 * - At most one runs. One that has ended, or does not answer after a quiet time, is released before the next starts.
 */
export class SharedServer {
  readonly #server: McpServer;
  readonly #deps: SharedServerDeps;
  readonly #closing = new AbortController();
  /** The attempts that wait for its start. */
  readonly #askers = new Set<string>();
  #running: Running | undefined;
  #usedMs = 0;
  #uses = 0;
  /** The uses that have the connection. */
  #calls = 0;
  #idle: NodeJS.Timeout | undefined;
  /** The start, check or end that is under way. One at a time. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(server: McpServer, deps: SharedServerDeps) {
    this.#server = server;
    this.#deps = deps;
    deps.places.onWanted(() => this.#rest());
  }

  /** Runs `use` with an open connection, for an attempt. @throws as `ServerAccess.use`. */
  async use<T>(asker: string, signal: AbortSignal, use: (connection: McpConnection) => Promise<T>): Promise<T> {
    this.#uses++;
    clearTimeout(this.#idle);
    try {
      const connection = await this.#connected(asker, signal);
      return await this.#call(() => use(connection));
    } finally {
      this.#uses--;
      this.#rest();
    }
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await call();
    } finally {
      this.#usedMs = monotonicMs();
      this.#calls--;
    }
  }

  /** Ends it. Later uses fail. Never throws. */
  async close(): Promise<void> {
    this.#closing.abort(new Error(`the worker ends the MCP server "${this.#server.name}"`));
    clearTimeout(this.#idle);
    await this.#change(() => this.#end());
  }

  async #connected(asker: string, signal: AbortSignal): Promise<McpConnection> {
    const { connection } = this.#running ?? {};
    if (connection?.isOpen && !this.#isQuiet()) return connection;
    this.#askers.add(asker);
    try {
      // It may wait for a place of an attempt that now waits for it.
      this.#deps.places.assertMoves();
      return await unlessAborted(
        this.#change(() => this.#ready()),
        signal,
      );
    } finally {
      this.#askers.delete(asker);
    }
  }

  #isQuiet(): boolean {
    return this.#calls === 0 && monotonicMs() - this.#usedMs > QUIET_MS;
  }

  async #ready(): Promise<McpConnection> {
    this.#closing.signal.throwIfAborted();
    const { connection } = this.#running ?? {};
    if (connection?.isOpen && (!this.#isQuiet() || (await connection.answers(PING_WITHIN_MS)))) {
      this.#usedMs = monotonicMs();
      return connection;
    }
    await this.#end();
    return this.#start();
  }

  async #start(): Promise<McpConnection> {
    const hold = this.#deps.holdForWorker();
    const holder = { ...hold, signal: this.#closing.signal, askers: this.#askers };
    try {
      const connection = await connectTo(this.#server, holder, 1, this.#deps);
      this.#running = { connection, hold };
      this.#usedMs = monotonicMs();
      return connection;
    } catch (error) {
      await hold.end();
      throw error;
    }
  }

  /** Ends it if nothing uses it for its idle time; at once if another server waits for its place. */
  #rest(): void {
    clearTimeout(this.#idle);
    if (!this.#running || this.#uses > 0) return;
    const hasPlace = this.#server.url === undefined;
    const waitMs = hasPlace && this.#deps.places.waiting > 0 ? 0 : (this.#server.idle_ms ?? IDLE_MS);
    const endUnused = () => this.#change(async () => (this.#uses === 0 ? this.#end() : undefined));
    this.#idle = setTimeout(() => void endUnused(), waitMs);
    this.#idle.unref();
  }

  async #end(): Promise<void> {
    const { hold } = this.#running ?? {};
    this.#running = undefined;
    await hold?.end();
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const changing = this.#changing.then(change);
    this.#changing = changing.catch(() => undefined);
    return changing;
  }
}
