import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { expect, inject, onTestFinished, test } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { createProducer } from '../../src/entries/producer.ts';
import { createWorker } from '../../src/entries/worker.ts';
import { anAuthority } from '../helpers/certificates.ts';
import { aFreePort, startConfiguredRedis, startTlsRedis } from '../helpers/configured-redis.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
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

/** Runs a command in a folder with a batch. One that goes on serving is told to stop once it said `enough`. */
async function run(name: string, variables: Record<string, string>, enough?: RegExp): Promise<Ended> {
  const running = start(COMMANDS[name] ?? [name], aFolder({ 'batch.json': BATCH }), {
    ...PLACES,
    COLUMNS: '400',
    ...variables,
  });
  if (enough) {
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
    what: /closed the connection \(E(CONNRESET|PIPE)\)/,
    mend: 'If the port expects TLS, write rediss://',
  },
  'TLS at a port without TLS': {
    url: async () => {
      const port = await aFreePort();
      await startConfiguredRedis([`port ${port}`]);
      return `rediss://127.0.0.1:${port}`;
    },
    what: /(the TLS connection timed out \(ETIMEDOUT\)|neither accepted nor refused the connection yet)/,
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
    what: /the socket does not exist \(ENOENT\)/,
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
  // Without a lasting fault, a worker waits for its Redis and the board shows that it is away.
  const isServing = (name: string) => !isLasting && ['worker', 'board'].includes(name);
  const ends = await Promise.all(
    names.map(async (name) => ({
      name,
      ...(await run(name, { REDIS_URL: url }, isServing(name) ? enough : undefined)),
    })),
  );
  for (const end of ends) {
    const said = saidBy(end);
    expect(said, end.name).toMatch(what);
    expect(said, end.name).toContain(mend);
    expect(said, end.name).toContain(host);
    expect([end.name, end.code]).toEqual([end.name, isServing(end.name) ? 0 : 3]);
  }
  await expectCommandsExist(ends.map(saidBy).join(' '));
});

test('a missing Redis is named by every command, with the line to type', async () => {
  const ends = await Promise.all(Object.keys(COMMANDS).map((name) => run(name, {})));
  for (const end of ends) {
    const said = saidBy(end);
    expect(end.code).toBe(2);
    expect(said).toMatch(/no Redis is configured: REDIS_URL is not set, and there is no errand\.config\.yaml in \/\S+/);
    expect(said).toContain('export REDIS_URL=redis://127.0.0.1:6379');
    expect(said).toContain('"errand up"');
  }
  expect((await start(['up', '--help'], aFolder(), {}).ended).code).toBe(0);
});

test('a configuration without an address is named where Redis is missing', async () => {
  const folder = aFolder({ 'batch.json': BATCH, 'errand.config.yaml': 'board: { port: 0 }\n' });
  const { code, err } = await start(['enqueue', 'batch.json'], folder, {}).ended;
  expect([code, err]).toEqual([2, expect.stringContaining(`${folder}/errand.config.yaml has no redis_url`)]);
});

test.each(['yml', 'json'])('two configurations, one of them .%s, are refused and both are named', async (ending) => {
  const other = `errand.config.${ending}`;
  const files = {
    'errand.config.yaml': 'board: { port: 0 }\n',
    [other]: '{"board": {"port": 0}}',
    'batch.json': BATCH,
  };
  const folder = aFolder(files);
  const commands = [...Object.values(COMMANDS), ['routes', 'batch.json']];
  const ends = await Promise.all(commands.map((args) => start(args, folder, {}).ended));
  for (const end of ends) {
    expect(end.code).toBe(2);
    const said = saidBy(end);
    expect(said).toContain(`found two configuration files: ${folder}/errand.config.yaml and ${folder}/${other}`);
    expect(said).toContain('export ERRAND_CONFIG=errand.config.yaml');
  }
  const { code, err } = await start(['routes', 'batch.json'], folder, { ERRAND_CONFIG: 'errand.config.yaml' }).ended;
  expect(code).toBe(0);
  expect(err).toContain(`${folder}/${other} is not read`);
});

test('a single errand.config.json is read', async () => {
  const settings = JSON.stringify({ redis_url: 'redis://127.0.0.1:6379', delegation: { provider: 'nobody' } });
  const folder = aFolder({ 'batch.json': BATCH, 'errand.config.json': settings });
  const { code, err } = await start(['routes', 'batch.json'], folder, {}).ended;
  expect([code, err]).toEqual([2, expect.stringContaining('delegation.provider: expected one of openai, anthropic')]);
});

test('a hidden configuration is named in a warning, with the one that is used', async () => {
  const folder = aFolder({ 'batch.json': BATCH, 'errand.config.yaml': '', 'other.yaml': '' });
  const [hidden, same] = await Promise.all(
    ['other.yaml', './errand.config.yaml'].map(
      (named) => start(['routes', 'batch.json'], folder, { ERRAND_CONFIG: named }).ended,
    ),
  );
  expect([hidden?.code, same?.code]).toEqual([0, 0]);
  expect(hidden?.err).toMatch(/\/errand\.config\.yaml is not read: ERRAND_CONFIG .* names \S+other\.yaml/);
  expect(same?.err).not.toContain('is not read');
});

test.each<[string, Record<string, string>, string, string]>([
  [
    'a number that is none',
    { ERRAND_CONCURRENCY: 'lots' },
    'ERRAND_CONCURRENCY (worker.concurrency): expected a whole number, got "lots"',
    'Correct ERRAND_CONCURRENCY in the environment',
  ],
  [
    'a provider without a credential',
    { ERRAND_PROVIDERS: '{"acme":{"wire":"chat","base_url":"https://llm.example/v1"}}' },
    'providers.acme.credential: is missing; expected',
    'Correct providers.acme.credential',
  ],
  [
    'a configuration that does not exist',
    { ERRAND_CONFIG: 'nofile.yaml' },
    'nofile.yaml (named by ERRAND_CONFIG) cannot be read: it does not exist (ENOENT)',
    'Set ERRAND_CONFIG to a file that this process can read',
  ],
])('%s is named with the setting to correct', async (_, variables, what, mend) => {
  const end = await start(['routes', 'batch.json'], aFolder({ 'batch.json': BATCH }), variables).ended;
  expect(end.code).toBe(2);
  expect(saidBy(end)).toContain(what);
  expect(saidBy(end)).toContain(mend);
});

test('a batch that is refused is told with its warnings, which may say why', async () => {
  const folder = aFolder({ 'batch.json': JSON.stringify({ provider: 'openai', tasks: [{ goal: 'a' }] }) });
  const end = await start(['routes', 'batch.json'], folder, {}).ended;
  expect(end.code).toBe(2);
  expect(saidBy(end)).toMatch(
    /tasks\[0\]\.provider: is missing; .* warning: provider: ignored beside tasks; .*defaults\.provider/,
  );
});

test('a library without a Redis throws what the commands print', async () => {
  const refusal = { code: 'CONFIG_INVALID', remedy: expect.stringContaining('export REDIS_URL=') };
  expect(() => createProducer({ config: '/dev/null' })).toThrow(expect.objectContaining(refusal));
  await expect(createWorker({ config: '/dev/null' })).rejects.toMatchObject(refusal);
});

test('a library with a wrong password throws what the commands print', async () => {
  const redis = `redis://:${SECRET}@127.0.0.1:${await lockedRedis()}`;
  const refusal = {
    code: 'REDIS_UNAVAILABLE',
    message: expect.stringContaining('refused the login of the user "default" (WRONGPASS)'),
    remedy: expect.stringContaining('Correct user and password in REDIS_URL'),
  };
  const producer = createProducer({ redis, config: '/dev/null' });
  onTestFinished(() => producer.close());
  await expect(producer.status(newBatchId())).rejects.toMatchObject(refusal);
  const settings = { worker: { health_host: '127.0.0.1', health_port: 0, workspace_root: aFolder() } };
  await expect(createWorker({ redis, config: '/dev/null', settings })).rejects.toMatchObject(refusal);
});

/** Runs a worker and a batch of one task against a provider that answers this; returns what the person who waits reads. */
async function taskRefusedWith(wire: string, status: number, body: object, key = SECRET): Promise<Ended> {
  const port = await portOf(
    createHttpServer((request, answer) => {
      request.resume();
      answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }),
  );
  const acme = { wire, base_url: `http://127.0.0.1:${port}`, credential: 'env:ACME_KEY' };
  const folder = aFolder({ 'batch.json': JSON.stringify({ goal: 'Say hello', provider: 'acme', model: 'nope-9' }) });
  const variables = {
    ...PLACES,
    COLUMNS: '400',
    ACME_KEY: key,
    REDIS_URL: redisUrl(),
    ERRAND_PREFIX: freshPrefix(),
    ERRAND_PROVIDERS: JSON.stringify({ acme }),
    ERRAND_DRAIN_GRACE_MS: '0',
  };
  const worker = start(['worker'], folder, variables);
  await worker.says(/worker started/);
  const ended = await start(['enqueue', 'batch.json', '--wait'], folder, variables).ended;
  worker.process.kill('SIGTERM');
  await worker.ended;
  return ended;
}

test.each<[string, string, number, object]>([
  ['OpenAI', 'responses', 404, { error: { message: 'The model `nope-9` does not exist', code: 'model_not_found' } }],
  ['Anthropic', 'messages', 404, { type: 'error', error: { type: 'not_found_error', message: 'model: nope-9' } }],
  [
    'a chat server that answers 400',
    'chat',
    400,
    { error: { message: 'Model Not Exist', type: 'invalid_request_error' } },
  ],
])('an unknown model at %s is named with its provider', async (_, wire, status, body) => {
  const end = await taskRefusedWith(wire, status, body);
  expect(end.code).toBe(1);
  const said = saidBy(end);
  expect(said).toContain('PROVIDER_REFUSED_REQUEST: Provider "acme" has no model "nope-9": it answered');
  expect(said).toMatch(/"errand routes FILE" shows the model of each task.* GET http:\S+\/models lists/);
  expect((await start(['routes', '--help'], aFolder(), {}).ended).code).toBe(0);
});

test('a provider with nothing at its address is named with the address to check', async () => {
  const said = saidBy(await taskRefusedWith('chat', 404, { detail: 'page not here' }));
  expect(said).toContain('has nothing for the model "nope-9" at its address');
  expect(said).toContain('Check providers.acme.base_url, now http://127.0.0.1:');
});

test('a refused key is named by its source', async () => {
  const end = await taskRefusedWith('chat', 401, { error: { message: 'Incorrect API key provided' } });
  expect(end.code).toBe(1);
  expect(saidBy(end)).toContain('CREDENTIAL_REJECTED: Provider "acme" refused the key env:ACME_KEY: it answered 401');
});

test.each(['worker', 'board', 'simulator'])(
  '%s names the port in use and the setting for another one',
  async (name) => {
    const port = await portOf(createServer());
    const args = name === 'simulator' ? [name, '--port', `${port}`] : [name];
    const places = { ...PLACES, ERRAND_HEALTH_PORT: `${port}`, ERRAND_BOARD_PORT: `${port}` };
    const end = await start(args, aFolder(), { REDIS_URL: redisUrl(), ...places }).ended;
    expect(end.code).toBe(1);
    expect(saidBy(end)).toMatch(
      new RegExp(`^ADDRESS_IN_USE: .*127.0.0.1:${port}.*ss -ltnp 'sport = :${port}'.*(ERRAND_\\w+_PORT|--port)`),
    );
  },
);

test.each([['status'], ['outcomes'], ['cancel']])('%s of a malformed id says what an id looks like', async (verb) => {
  const end = await start([verb, 'nonsense'], aFolder(), { REDIS_URL: redisUrl() }).ended;
  expect(end.code).toBe(2);
  expect(saidBy(end)).toMatch(
    /no batch or task with id "nonsense": this is not the form of an id .*"errand enqueue" .*looks like b\w{21}/,
  );
});

test.each([
  [
    'a missing file',
    'none.yaml',
    /^FILE_NOT_FOUND: there is no file none\.yaml .*\(ls lists the files\).* working directory, \/\S+\./,
  ],
  [
    'a tab in YAML',
    'tab.yaml',
    /^BATCH_INVALID: tab\.yaml: is not YAML: tab as indent at line 3, column 1 Fix line 3 of/,
  ],
  [
    'a bare colon in YAML',
    'colon.yaml',
    /^BATCH_INVALID: colon\.yaml: is not YAML: .* quote a text that has ": " in it at/,
  ],
  ['a wrong indentation in YAML', 'indent.yaml', /^BATCH_INVALID: indent\.yaml: .*check the indentation at line 3/],
])('%s is named by both commands that read a batch', async (_, file, what) => {
  const folder = aFolder({
    'tab.yaml': 'tasks:\n  - goal: Say hello\n\tmodel: gpt-5\n',
    'colon.yaml': 'tasks:\n  - goal: Fix: it\n',
    'indent.yaml': 'tasks:\n  - goal: a\n   provider: openai\n',
  });
  for (const verb of ['enqueue', 'routes']) {
    const end = await start([verb, file], folder, { REDIS_URL: redisUrl() }).ended;
    expect(end.code).toBe(2);
    expect(saidBy(end)).toMatch(what);
  }
});

test('a missing key is named by its variable, an unserved lane by the command to run', async () => {
  const variables = { ...PLACES, COLUMNS: '400', REDIS_URL: redisUrl(), ERRAND_PREFIX: freshPrefix() };
  const folder = aFolder({ 'batch.json': BATCH });
  const doctor = await start(['doctor'], folder, variables).ended;
  expect(doctor.code).toBe(0);
  expect(saidBy(doctor)).toMatch(
    /OPENAI_API_KEY is not set\. Set OPENAI_API_KEY or OPENAI_API_KEY_FILE on every worker/,
  );
  expect(saidBy(doctor)).toMatch(/lane openai: Start a worker .*errand worker/);
  const enqueued = await start(['enqueue', 'batch.json'], folder, variables).ended;
  expect(enqueued.code).toBe(0);
  expect(saidBy(enqueued)).toMatch(/warning: no worker is alive: .*errand worker/);
  const worker = start(['worker'], folder, variables);
  await worker.says(/worker started/);
  const waited = await start(['enqueue', 'batch.json', '--wait'], folder, variables).ended;
  worker.process.kill('SIGTERM');
  await worker.ended;
  expect(waited.code).toBe(1);
  expect(saidBy(waited)).toMatch(/CREDENTIAL_MISSING: .*OPENAI_API_KEY is not set/);
});
