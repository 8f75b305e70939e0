import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { expect, inject, onTestFinished, test } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { anAuthority } from '../helpers/certificates.ts';
import { aFreePort, startConfiguredRedis, startTlsRedis } from '../helpers/configured-redis.ts';
import { aFolder, type Ended, start } from './run-cli.ts';

const SECRET = 'Pa55-of-the-new-user';
const BATCH = JSON.stringify({ goal: 'Say hello', provider: 'openai', model: 'gpt-5' });
const PLACES = { ERRAND_HEALTH_HOST: '127.0.0.1', ERRAND_HEALTH_PORT: '0', ERRAND_BOARD_PORT: '0' };

/** The command lines that need a Redis, with arguments that they accept. */
const COMMANDS: Record<string, string[]> = {
  enqueue: ['enqueue', 'batch.json'],
  status: ['status', newBatchId()],
  outcomes: ['outcomes', newBatchId()],
  cancel: ['cancel', newBatchId()],
  leaks: ['leaks'],
  doctor: ['doctor'],
  worker: ['worker'],
  board: ['board'],
};

/** Runs a command in a folder with a batch. One that serves or waits is told to stop once it said `enough`. */
async function run(name: string, variables: Record<string, string>, enough: RegExp): Promise<Ended> {
  const running = start(COMMANDS[name] ?? [name], aFolder({ 'batch.json': BATCH }), {
    ...PLACES,
    COLUMNS: '400',
    ...variables,
  });
  if (name === 'worker' || name === 'board') {
    await Promise.race([running.ended, running.says(enough).catch(() => undefined)]);
    running.process.kill('SIGTERM');
  }
  return running.ended;
}

/** What a command said, in one line, without a trace and without the secret. */
function saidBy({ out, err }: Ended): string {
  const said = `${out}${err}`;
  expect(said).not.toMatch(/\n\s+at .+:\d+|INTERNAL/);
  expect(said).not.toContain(SECRET);
  return said.replaceAll('\\"', '"').replaceAll(/\s+/g, ' ');
}

/** Runs the commands that a text names for looking at a server: an unknown option or a missing program fails. */
async function expectCommandsExist(said: string): Promise<void> {
  for (const [, command = ''] of said.matchAll(/"((?:redis-cli -[hs]|getent) [^"]+)"/g)) {
    const [program = '', ...args] = command.split(' ');
    const child = spawn(program, args, { env: { PATH: inject('path') }, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (piece) => {
        text += piece;
      });
    }
    // A server that says nothing keeps redis-cli waiting. By then it has accepted its options.
    const timer = setTimeout(() => child.kill(), 2_000);
    await once(child, 'close');
    clearTimeout(timer);
    expect(text, command).not.toMatch(/Unrecognized option|Usage:/i);
  }
}

async function portOf(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A Redis that demands a password. */
async function lockedRedis(): Promise<number> {
  const port = await aFreePort();
  await startConfiguredRedis([`port ${port}`, 'requirepass another']);
  return port;
}

/** A server that sends this text as soon as it is asked. */
function answering(text: string | Buffer): Promise<number> {
  return portOf(createServer((socket) => socket.on('data', () => socket.write(text))));
}

type Mistake = { url: () => Promise<string>; what: RegExp; mend: string; isLasting?: true };

const MISTAKES: Record<string, Mistake> = {
  'a wrong password': {
    url: async () => `redis://:${SECRET}@127.0.0.1:${await lockedRedis()}`,
    what: /refused the login of the user "default" \(WRONGPASS\)/,
    mend: 'Correct user and password in REDIS_URL',
    isLasting: true,
  },
  'a user that does not exist': {
    url: async () => `redis://ann:${SECRET}@127.0.0.1:${await lockedRedis()}`,
    what: /refused the login of the user "ann" \(WRONGPASS\)/,
    mend: '--user ann --askpass ACL WHOAMI',
    isLasting: true,
  },
  'a missing password': {
    url: async () => `redis://127.0.0.1:${await lockedRedis()}`,
    what: /demands a password, and REDIS_URL has none \(NOAUTH\)/,
    mend: 'Add the login to REDIS_URL',
    isLasting: true,
  },
  'an HTTP server': {
    url: async () => `redis://127.0.0.1:${await answering('HTTP/1.1 400 Bad Request\r\n\r\n')}`,
    what: /is not a Redis; it answers as an HTTP server does/,
    mend: 'Correct host and port in REDIS_URL',
    isLasting: true,
  },
  'a port that answers with a TLS alert': {
    url: async () => `redis://127.0.0.1:${await answering(Buffer.from([21, 3, 3, 0, 2, 2, 10]))}`,
    what: /the port expects TLS/,
    mend: 'Write rediss:// instead of redis://',
    isLasting: true,
  },
  'no TLS at a TLS port': {
    url: async () => `redis://127.0.0.1:${(await startTlsRedis(anAuthority('private'))).port}`,
    what: /closed the connection \((read|write) E(CONNRESET|PIPE)\)/,
    mend: 'If the port expects TLS, write rediss://',
  },
  'TLS at a port without TLS': {
    url: async () => {
      const port = await aFreePort();
      await startConfiguredRedis([`port ${port}`]);
      return `rediss://127.0.0.1:${port}`;
    },
    what: /no (TLS connection \(connect ETIMEDOUT\)|connection and no refusal yet)/,
    mend: 'If the port does not expect TLS, write redis://',
  },
  'TLS at an HTTP server': {
    url: async () => `rediss://127.0.0.1:${await portOf(createHttpServer((_, answer) => answer.end('hello')))}`,
    what: /does not speak TLS at this port \(ERR_SSL_\w+\)/,
    mend: 'or redis://',
    isLasting: true,
  },
  'a server that says nothing': {
    url: async () => `redis://127.0.0.1:${await portOf(createServer())}`,
    what: /accepts the connection and does not answer/,
    mend: 'Check host and port in REDIS_URL',
  },
  'a port on which nothing listens': {
    url: async () => `redis://127.0.0.1:${await aFreePort()}`,
    what: /nothing listens there \(ECONNREFUSED\)/,
    mend: 'Start that Redis, or set REDIS_URL',
  },
  'a name with two addresses on which nothing listens': {
    url: async () => `redis://localhost:${await aFreePort()}`,
    what: /nothing listens there \(ECONNREFUSED\)/,
    mend: 'Start that Redis, or set REDIS_URL',
  },
  'an unknown host': {
    url: async () => 'redis://no-such-host:6379',
    what: /the host name "no-such-host" has no address \((ENOTFOUND|EAI_AGAIN)\)/,
    mend: 'Correct the host in REDIS_URL',
  },
  'a missing socket': {
    url: async () => 'redis+unix:///tmp/no-such-redis.sock',
    what: /no such socket \(ENOENT\)/,
    mend: 'correct the path in REDIS_URL',
  },
};

test.each(Object.entries(MISTAKES))('%s is named by every command, with the remedy', async (_, mistake) => {
  const { url: address, what, mend, isLasting } = mistake;
  const url = await address();
  const { host } = new URL(url);
  // The log of a worker is JSON, in which a quote is escaped.
  const enough = new RegExp(`${what.source.replaceAll('"', '\\\\?"')}[^]*\n`);
  const names = what.source.includes('ECONNREFUSED') ? Object.keys(COMMANDS) : ['enqueue', 'doctor', 'worker', 'board'];
  const ends = await Promise.all(
    names.map(async (name) => ({ name, ...(await run(name, { REDIS_URL: url }, enough)) })),
  );
  for (const end of ends) {
    const said = saidBy(end);
    expect(said, end.name).toMatch(what);
    expect(said, end.name).toContain(mend);
    expect(said, end.name).toContain(host);
    // Without a lasting fault, a worker waits for its Redis and the board shows that it is away.
    const isServing = !isLasting && ['worker', 'board'].includes(end.name);
    expect([end.name, end.code]).toEqual([end.name, isServing ? 0 : 3]);
  }
  await expectCommandsExist(ends.map(saidBy).join(' '));
});
