import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * A connection that sends and reads what a test says. `ended` resolves to all that was read once the server closes it.
 */
export type RawClient = { socket: Socket; says: (pattern: RegExp) => Promise<string>; ended: Promise<string> };

/** Connects to the host and port of a URL. A reset by the server is an end like any other. */
export async function rawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) }).setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  let read = '';
  socket.on('data', (text: string) => {
    read += text;
  });
  socket.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(read)));
  await once(socket, 'connect');
  const says = async (pattern: RegExp) => {
    while (!pattern.test(read)) {
      const next = await Promise.race([once(socket, 'data'), ended]);
      if (typeof next === 'string' && !pattern.test(read)) throw new Error(`ended without ${pattern}: ${read}`);
    }
    return read;
  };
  return { socket, says, ended };
}

/** How long the replies that the system holds must not grow, to count as all that it takes. */
const FULL_MS = 1_000;

/**
 * Sends a request up to `times` times and reads no reply, until the system takes no more of the replies and the server
 * has to keep them.
 */
export async function neverRead({ socket }: RawClient, request: string, times: number): Promise<void> {
  socket.pause();
  let held = 0;
  for (let sent = 0, grownAt = performance.now(); performance.now() - grownAt < FULL_MS; ) {
    if (socket.destroyed) throw new Error('the server closed the connection');
    const now = socket.bytesRead + heldBytes(socket.remotePort, socket.localPort);
    if (now > held || sent === 0) {
      grownAt = performance.now();
      if (sent++ < times) socket.write(request);
    }
    held = now;
    await new Promise(setImmediate);
  }
  if (held < 1_000_000) throw new Error(`the server sent ${held} bytes and stopped`);
}

/**
 * Bytes from the server at `port` that the system holds for the client at `clientPort`: not yet delivered, or not yet
 * read.
 */
function heldBytes(port = 0, clientPort = 0): number {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8');
  const queueOf = (from: number, to: number, pattern: string) =>
    new RegExp(`:${hex(from)} \\w+:${hex(to)} \\w+ ${pattern}`).exec(rows)?.[1] ?? '0';
  const unsent = queueOf(port, clientPort, '(\\w+):');
  const unread = queueOf(clientPort, port, '\\w+:(\\w+)');
  return Number.parseInt(unsent, 16) + Number.parseInt(unread, 16);
}
