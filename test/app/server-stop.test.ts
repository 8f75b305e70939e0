import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../helpers/pages.ts';
import { neverRead, type RawClient, rawClient } from '../helpers/raw-client.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { aFolder, type Running, start } from './run-cli.ts';

/** What a worker may need at most, with a grace of 0 s; a board and a simulator need less. */
const STOP_WITHIN_MS = 20_000;

const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
const bundle = globSync('node_modules/@bull-board/ui/dist/static/js/*.js', { cwd: root })
  .map((file) => file.replace(/^.*\/dist/, ''))
  .toSorted((a, b) => sizeOf(b) - sizeOf(a))[0];

function sizeOf(path: string): number {
  return statSync(join(root, 'node_modules/@bull-board/ui/dist', path)).size;
}

const asked = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: '[[sim: tokens=500000]]' }] });

type Server = { args: string[]; says: RegExp; path: string; flood: [request: string, times: number] };

/** Each server, its line that names its URL, a path that needs no login, and a request of which so many fill a connection with their replies. */
const SERVERS: Record<string, Server> = {
  worker: {
    args: ['worker'],
    says: /"health":"(http:[^"]+)".*worker started/,
    path: '/metrics',
    flood: [request('/metrics').repeat(4), 10_000],
  },
  board: { args: ['board'], says: /board at (http:\S+)/, path: '/find', flood: [request(`${bundle}`), 16] },
  simulator: {
    args: ['simulator', '--port', '0'],
    says: /simulator at (http:\S+)/,
    path: '/_sim/requests',
    flood: [`POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: ${asked.length}\r\n\r\n${asked}`, 16],
  },
};

/** What a client does that would keep a server from ending. */
const HOLDS: Record<string, (client: RawClient, server: Server) => Promise<unknown>> = {
  'whose headers do not end': async ({ socket }, { path }) =>
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nx: `),
  'whose body does not end': async ({ socket }, { path }) =>
    socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{"a":`),
  'that keeps its connection': async ({ socket, says }, { path }) => {
    socket.write(request(path));
    await says(/^HTTP\/1\.1 200 /);
  },
  'that never reads its replies': (client, { flood }) => neverRead(client, ...flood),
};

async function started({ args, says }: Server): Promise<{ running: Running; url: string }> {
  const env = {
    REDIS_URL: redisUrl(),
    ERRAND_PREFIX: freshPrefix(),
    ERRAND_HEALTH_HOST: '127.0.0.1',
    ERRAND_HEALTH_PORT: '0',
    ERRAND_BOARD_PORT: '0',
    ERRAND_DRAIN_GRACE_MS: '0',
  };
  const running = start(args, aFolder(), env);
  const [, url = ''] = await running.says(says);
  return { running, url };
}

const cases = Object.keys(SERVERS).flatMap((name) => Object.keys(HOLDS).map((hold) => [name, hold] as const));

test.each(cases)('SIGTERM ends errand %s beside a client %s', async (name, hold) => {
  const server = SERVERS[name];
  const held = HOLDS[hold];
  if (!server || !held) throw new Error(`no case ${name} ${hold}`);
  const { running, url } = await started(server);
  const client = await rawClient(url);
  await held(client, server);
  // Another connection is answered after the first one was accepted.
  await (await fetch(`${url}${server.path}`)).text();
  const askedAt = performance.now();
  running.process.kill('SIGTERM');
  const { code } = await running.ended;
  expect(code).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(STOP_WITHIN_MS);
  // It was the end of the server, and no limit of time, that closed the connection.
  client.socket.resume();
  expect(await client.ended).not.toContain(' 408 ');
});
