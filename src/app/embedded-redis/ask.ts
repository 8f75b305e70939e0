import { connect } from 'node:net';

const IDENTITY_TIMEOUT_MS = 2_000;

/**
 * Sends one inline command to the server on a loopback port and resolves to its reply, as sent (`+PONG`, `-LOADING …`,
 * `$…` and the text of a bulk reply).
 *
 * Resolves to `null` if nothing listens, the connection breaks, or no whole reply comes within `timeoutMs`. Use it to
 * identify a server before a client library connects to it.
 */
export function askRedis(port: number, command: string, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect({ port, host: '127.0.0.1', signal: AbortSignal.timeout(timeoutMs) });
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.on('data', (chunk) => {
      reply += chunk;
      if (isWhole(reply)) socket.destroy();
    });
    socket.once('close', () => resolve(isWhole(reply) ? reply : null));
  });
}

/**
 * Identifies the Redis on a loopback port by its process and its configuration file. Only our server has our file.
 *
 * Resolves to `null` if it is not a Redis, or does not answer within two seconds. A server that loads its data answers.
 */
export async function redisIdentity(port: number): Promise<{ pid: number; configFile: string } | null> {
  const info = await askRedis(port, 'INFO server', IDENTITY_TIMEOUT_MS);
  const pid = /^process_id:(\d+)\r$/m.exec(info ?? '')?.[1];
  const configFile = /^config_file:(.*)\r$/m.exec(info ?? '')?.[1];
  return pid === undefined || configFile === undefined ? null : { pid: Number(pid), configFile };
}

/**
 * Waits until nothing serves this loopback port any more. Resolves to `false` if that takes longer than `timeoutMs`.
 *
 * Watches one connection instead of polling: a Redis that ends closes its connections last of all.
 */
export function redisGone(port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: timeoutMs });
    socket.on('error', () => {});
    socket.once('close', () => resolve(true));
    socket.once('timeout', () => {
      resolve(false);
      socket.destroy();
    });
    socket.resume();
  });
}

function isWhole(reply: string): boolean {
  const header = /^\$(\d+)\r\n/.exec(reply);
  return header ? Buffer.byteLength(reply) >= header[0].length + Number(header[1]) + 2 : reply.endsWith('\r\n');
}
