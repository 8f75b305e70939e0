import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { onTestFinished } from 'vitest';

/**
 * A way to a Redis that can be cut and mended: a port on loopback that leads to the server, or to nothing. With
 * `holdAt`, `held` resolves once a command with this text has come; that command and all after it wait for `release`.
 */
export type WayToRedis = {
  url: string;
  port: number;
  cut: () => Promise<void>;
  mend: () => Promise<void>;
  held: Promise<void>;
  release: () => void;
};

/** Opens a way to the Redis at `url` that ends with the test. */
export async function openWay(url: string, { holdAt = '' } = {}): Promise<WayToRedis> {
  const { hostname, port: target } = new URL(url);
  const sockets = new Set<Socket>();
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = createServer((near) => {
    const far = connect(Number(target), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
    }
    const onHeld = () => {
      held.resolve();
      return released.promise;
    };
    (holdAt === '' ? near : near.pipe(holding(holdAt, onHeld))).pipe(far).pipe(near);
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
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    cut,
    mend: async () => void (await listen(port)),
    held: held.promise,
    release: released.resolve,
  };
}

/** Passes everything on until a text comes; then waits for `onHeld`, with that part and all after it. */
function holding(text: string, onHeld: () => Promise<void>): Transform {
  let tail = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const seen = Buffer.concat([tail, chunk]);
      tail = seen.subarray(-text.length);
      if (seen.includes(text)) onHeld().then(() => done(null, chunk));
      else done(null, chunk);
    },
  });
}
