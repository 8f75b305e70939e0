import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { cannotListen, type Listener } from './listening.ts';

/** What a server accepts from its clients, and how long it waits for them. Times in ms. */
export type HttpLimits = {
  /** One more connection closes the oldest connection without a running request, or else the oldest connection. */
  maxConnections: number;
  /** A larger body is refused with 413, whether its length was declared or not. */
  maxBodyBytes: number;
  /** From the first byte of a request to the end of its headers. */
  headersMs: number;
  /** From the first byte of a request to the end of its body. It does not limit the reply. */
  requestMs: number;
  /** How long a connection may stay open between two requests. */
  keepAliveMs: number;
  /** How long a client may leave a reply unread. A reply that is not being written is not cut. */
  unreadMs: number;
  /** How long running requests may go on once the server closes. */
  closeMs: number;
};

/** A server that listens. `url`: for a client on this host, without a final slash. */
export type HttpServer = {
  url: string;
  port: number;
  /** Open connections. */
  readonly connections: number;
  /**
   * Stops listening and ends every connection, those of running requests after `closeMs` at the latest. Safe to repeat.
   */
  close(): Promise<void>;
};

const DEFAULTS: HttpLimits = {
  maxConnections: 4_096,
  maxBodyBytes: 65_536,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 5_000,
  unreadMs: 30_000,
  closeMs: 1_000,
};

const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 100;
/**
 * Requests that a client may send ahead of their replies. Without a limit, 64 KiB of small requests make 20 MB of
 * replies.
 */
const MAX_PIPELINED = 32;
/** How often Node looks for requests that took too long. */
const LOOK_MS = 1_000;
/** Connections that the kernel keeps until they are accepted. */
const BACKLOG = 4_096;

/** The status for a request that does not parse, is too large or takes too long, by the code of Node's error. */
const COMPLAINTS: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/**
 * Starts an HTTP server with limits. Every server of Errand is made here, so that no client can hold a server open or
 * fill it. A handler that throws or rejects is answered with 500.
 *
 * @throws ErrandError `ADDRESS_IN_USE`; `CONFIG_INVALID` if it cannot listen for another reason.
 */
export async function openHttpServer(
  handle: (req: IncomingMessage, res: ServerResponse) => unknown,
  at: Listener,
  limits: Partial<HttpLimits> = {},
): Promise<HttpServer> {
  const all = { ...DEFAULTS, ...limits };
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: Math.min(all.headersMs, all.requestMs),
    requestTimeout: all.requestMs,
    keepAliveTimeout: all.keepAliveMs,
    connectionsCheckingInterval: LOOK_MS,
  });
  server.maxHeadersCount = MAX_HEADERS;
  const connections = new Connections(server, all);
  server.on('request', guarded(handle, all.maxBodyBytes));
  const port = await listen(server, at);
  let closed: Promise<void> | undefined;
  return {
    url: `http://${hostInUrl(at.host)}:${port}`,
    port,
    get connections() {
      return connections.count;
    },
    close: () => (closed ??= connections.close(all.closeMs)),
  };
}

/** The connections of a server, the oldest first, each with the replies to its running requests. */
class Connections {
  readonly #server: Server;
  readonly #replies = new Map<Socket, Set<ServerResponse>>();
  /** Ends a connection whose next request does not arrive. Node starts its wait again after each empty line. */
  readonly #idle = new WeakMap<Socket, NodeJS.Timeout>();
  readonly #maxIdleMs: number;
  #isClosing = false;

  constructor(server: Server, { maxConnections, unreadMs, keepAliveMs, headersMs }: HttpLimits) {
    this.#server = server;
    this.#maxIdleMs = keepAliveMs + headersMs;
    server.timeout = unreadMs;
    server.on('connection', (socket) => this.#open(socket, maxConnections));
    server.on('request', (req, res) => this.#follow(req, res));
    server.on('timeout', (socket) => this.#lookAtSilent(socket, unreadMs));
    server.on('clientError', (error, socket) => this.#complain(error, socket as Socket));
  }

  get count(): number {
    return this.#replies.size;
  }

  async close(withinMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [socket, replies] of this.#replies) if (replies.size === 0) socket.destroy();
    const timer = setTimeout(() => {
      for (const socket of this.#replies.keys()) socket.destroy();
    }, withinMs);
    await closed.finally(() => clearTimeout(timer));
  }

  /** Accepts a connection even if all are in use, so that clients that hold every connection cannot block a probe. */
  #open(socket: Socket, max: number): void {
    if (this.#isClosing) return void socket.destroy();
    if (this.#replies.size >= max) this.#dropOldest();
    this.#replies.set(socket, new Set());
    socket.once('close', () => {
      this.#replies.delete(socket);
      clearTimeout(this.#idle.get(socket));
    });
  }

  #dropOldest(): void {
    let [oldest] = this.#replies.keys();
    for (const [socket, replies] of this.#replies) {
      if (replies.size > 0) continue;
      oldest = socket;
      break;
    }
    if (!oldest) return;
    this.#replies.delete(oldest);
    oldest.destroy();
  }

  #follow({ socket, headers }: IncomingMessage, res: ServerResponse): void {
    clearTimeout(this.#idle.get(socket));
    // Node loses a request that follows a request for an upgrade in one packet: its client must send it again.
    if (this.#isClosing || headers.upgrade !== undefined) res.setHeader('connection', 'close');
    const replies = this.#replies.get(socket);
    replies?.add(res);
    if (replies && replies.size > MAX_PIPELINED) socket.destroy();
    res.once('close', () => {
      replies?.delete(res);
      if (replies?.size !== 0) return;
      if (this.#isClosing) socket.destroySoon();
      else if (!socket.destroyed) this.#idle.set(socket, setTimeout(() => socket.destroy(), this.#maxIdleMs).unref());
    });
  }

  /**
   * A silent connection may wait for its reply. It is closed if its client reads nothing, or if it waits for no reply.
   */
  #lookAtSilent(socket: Socket, unreadMs: number): void {
    if (this.#replies.get(socket)?.size && socket.writableLength === 0) socket.setTimeout(unreadMs);
    else socket.destroy();
  }

  #complain({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
    const isInReply = [...(this.#replies.get(socket) ?? [])].some((res) => res.headersSent);
    if (isInReply) socket.destroy();
    else refuse(socket, COMPLAINTS[code] ?? '400 Bad Request');
  }
}

/** Refuses bodies over `maxBytes`, and answers 500 if the handler fails: its error must not end the process. */
function guarded(handle: (req: IncomingMessage, res: ServerResponse) => unknown, maxBytes: number): RequestListener {
  return async (req, res) => {
    // Node passes on requests that it parsed before their connection was closed.
    if (req.socket.destroyed) return;
    if (Number(req.headers['content-length'] ?? 0) > maxBytes) {
      res.writeHead(413, { connection: 'close' }).end();
      return;
    }
    countBody(req, res, maxBytes);
    try {
      await handle(req, res);
    } catch {
      if (res.headersSent) res.destroy();
      else res.writeHead(500, { connection: 'close' }).end();
    }
  };
}

/**
 * Counts the bytes as they enter the stream, however the handler reads it, because a chunked body declares no length.
 */
function countBody(req: IncomingMessage, res: ServerResponse, maxBytes: number): void {
  const push = req.push.bind(req);
  let bytes = 0;
  const counted = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    bytes += chunk?.length ?? 0;
    if (bytes <= maxBytes) return push(chunk, encoding);
    if (res.headersSent) req.socket.destroy();
    else refuse(req.socket, '413 Payload Too Large');
    return false;
  };
  Object.defineProperty(req, 'push', { value: counted });
}

/**
 * Writes a minimal answer to the socket, because Node has no reply object for this request, and ends the connection.
 */
function refuse(socket: Socket, status: string): void {
  if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.destroy();
}

function listen(server: Server, at: Listener): Promise<number> {
  const { host, port } = at;
  return new Promise((resolve, reject) => {
    // The handler stays: if the process has no file descriptor left, Node reports it here, and accepts again later.
    server.on('error', (error) => reject(cannotListen(error, at)));
    server.listen({ host, port, backlog: BACKLOG }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function hostInUrl(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
