import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Rendered } from './case.ts';
import { piecesOf } from './delivery.ts';
import { isNode } from './twists/places.ts';

/** A conversation of the provider: what it sends for each turn, and the requests that it got. */
export type Held = {
  turns: Rendered[];
  /** Sent for every later turn. */
  last: Rendered;
  /** The first turn that the client requests. */
  from: number;
  /** The bodies of the requests, in order. */
  asked: string[];
};

function hold(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Sends a turn according to its delivery. */
export async function transmit(res: ServerResponse, { events, delivery }: Rendered): Promise<void> {
  res.writeHead(delivery.status, delivery.headers);
  res.flushHeaders();
  for (const piece of piecesOf(events, delivery)) {
    if (res.destroyed) return;
    if (!res.write(piece)) await new Promise((resolve) => res.once('drain', resolve).once('close', resolve));
    await hold();
  }
  // An answer without a body ends with its headers, and the connection is reused.
  if (delivery.end === 'close' || [204, 304].includes(delivery.status)) res.end();
  else if (delivery.end === 'reset') res.destroy();
}

/** The response at the end of a stream, for later requests by its id. */
function storedIn({ events }: Rendered): object | undefined {
  return events
    .map(({ data }) => (isNode(data) && isNode(data.response) ? data.response : undefined))
    .findLast(Boolean);
}

/** A provider on a socket that sends in each conversation what its case defines. */
export class HostileProvider {
  readonly #server: Server;
  readonly #held = new Map<string, Held>();

  private constructor() {
    this.#server = createServer((req, res) => {
      res.on('error', () => {});
      this.#answer(req, res).catch(() => res.destroy());
    });
  }

  /** Starts a provider on a free port. */
  static async start(): Promise<HostileProvider> {
    const provider = new HostileProvider();
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Adds a conversation under a name, which is the first part of its address. */
  hold(name: string, held: Held): void {
    this.#held.set(name, held);
  }

  /** Removes a conversation. */
  release(name: string): void {
    this.#held.delete(name);
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://localhost');
    const held = this.#held.get(pathname.split('/')[1] ?? '');
    const body = await text(req);
    if (!held) return sendJson(res, 404, { error: { message: 'nothing is said here' } });
    if (pathname.endsWith('/cancel')) return sendJson(res, 200, { id: 'resp_0', status: 'cancelled' });
    const stored = /\/responses\/resp_(\d+)$/.exec(decodeURIComponent(pathname));
    if (req.method === 'GET') {
      const turn = stored ? held.turns[Number(stored[1])] : undefined;
      if (!turn) return sendJson(res, 404, { error: { message: 'no such response' } });
      if (searchParams.get('stream') === 'true') return transmit(res, turn);
      const id = pathname.split('/').at(-1);
      const metadata = { errand_deployment: 'fuzz', errand_task: 'fuzz' };
      const isLeft = Number(stored?.[1]) % 2 === 0;
      return sendJson(res, 200, isLeft ? { id, metadata, status: 'in_progress' } : { ...storedIn(turn), metadata });
    }
    held.asked.push(body);
    await transmit(res, held.turns[held.from + held.asked.length - 1] ?? held.last);
  }
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body ?? null));
}
