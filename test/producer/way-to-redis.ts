import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A way to a Redis that can be cut and mended: a port on loopback that leads to the server, or to nothing. */
export type WayToRedis = { url: string; port: number; cut: () => Promise<void>; mend: () => Promise<void> };

/** Opens a way to the Redis at `url` that ends with the test. */
export async function openWay(url: string): Promise<WayToRedis> {
  const { hostname, port: target } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
    }
    near.pipe(far).pipe(near);
  });
  const listen = async (at: number) => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  };
  const cut = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const port = await listen(0);
  onTestFinished(cut);
  return { url: `redis://127.0.0.1:${port}`, port, cut, mend: async () => void (await listen(port)) };
}
