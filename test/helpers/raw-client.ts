import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A connection that sends and reads what a test says. `ended` resolves to all that was read once the server closes it. */
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

/** How many looks in a row see a full connection before it counts as full. */
const LOOKS = 5;

/** Sends requests and reads no reply, until the system takes no more of the replies and the server has to keep them. */
export async function neverRead({ socket }: RawClient, request: string): Promise<void> {
  socket.pause();
  for (let full = 0, before = 0; full < LOOKS; ) {
    socket.write(request);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (socket.destroyed) throw new Error('the server closed the connection');
    const now = unsentBytes(socket.remotePort, socket.localPort);
    full = now > 0 && now === before ? full + 1 : 0;
    before = now;
  }
}

/** Bytes that the server at `port` has handed to the system and that the system could not deliver to `clientPort`. */
function unsentBytes(port = 0, clientPort = 0): number {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(4, '0');
  const ends = new RegExp(`:${hex(port)} \\w+:${hex(clientPort)} \\w+ (\\w+):`);
  const [, queue = '0'] = ends.exec(readFileSync('/proc/net/tcp', 'utf8')) ?? [];
  return Number.parseInt(queue, 16);
}
