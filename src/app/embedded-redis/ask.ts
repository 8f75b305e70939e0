import { connect } from 'node:net';

const IDENTITY_TIMEOUT_MS = 2_000;

/**
 * Sends one inline command to the server on a loopback port and resolves to its reply, as sent (`+PONG`, `-LOADING …`,
 * `$…` and the text of a bulk reply).
 *
 * Resolves to `null` where nothing listens, the connection breaks, or no whole reply came within `timeoutMs`. For asking
 * a server who it is before any client library may talk to it.
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
 * Who serves a loopback port: the process and the file it was configured with, which tells our server from any other.
 *
 * Resolves to `null` where that is no Redis, or it does not answer within two seconds. A server that loads its data answers.
 */
export async function redisIdentity(port: number): Promise<{ pid: number; configFile: string } | null> {
  const info = await askRedis(port, 'INFO server', IDENTITY_TIMEOUT_MS);
  const pid = /^process_id:(\d+)\r$/m.exec(info ?? '')?.[1];
  const configFile = /^config_file:(.*)\r$/m.exec(info ?? '')?.[1];
  return pid === undefined || configFile === undefined ? null : { pid: Number(pid), configFile };
}

/**
 * Waits until nothing serves this loopback port any more, and tells whether that came true within `timeoutMs`.
 *
 * Watches a connection rather than asking again and again: a Redis that ends closes its connections last of all.
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
