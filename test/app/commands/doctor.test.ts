import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Finding } from '../../../src/app/diagnosis.ts';
import { REDIS_ROLES, type RedisRole, rightsOf } from '../../../src/redis/rights.ts';
import { freshPrefix, openRedis, redisUrl } from '../../helpers/redis.ts';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.ts';
import { aFolder, start } from '../run-cli.ts';

const ALL = ['+@all', '~*', '&*'];

/** Makes a user whose password has every character that an address gives a meaning. Returns the address of the user. */
async function urlOfUser({ url, port }: RedisServer, rights: string[]): Promise<string> {
  const password = `%/@:#?[]&'"é ${randomBytes(6).toString('hex')}`;
  await openRedis(url).call('ACL', 'SETUSER', 'errand', 'on', `>${password}`, ...rights);
  return `redis://errand:${encodeURIComponent(password)}@127.0.0.1:${port}`;
}

async function doctor(
  url: string,
  providers?: object,
  prefix = freshPrefix(),
): Promise<{ code: number | null; findings: Finding[]; err: string }> {
  const environment = {
    REDIS_URL: url,
    ERRAND_PREFIX: prefix,
    ...(providers && { ERRAND_PROVIDERS: JSON.stringify(providers) }),
  };
  const { code, out, err } = await start(['doctor', '--json'], aFolder(), environment).ended;
  expect(out + err).not.toMatch(/\n\s+at /);
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  return { code, findings, err };
}

test.each([
  ['INFO', ['-info'], 'redis info', /ACL SETUSER errand \+info\./],
  ['its keys', ['resetkeys', '~other:*'], 'redis keys', /ACL SETUSER errand '~\{t-\w+\}:\*' \+client\|info /],
  ['EXISTS', ['-exists'], 'redis keys', /ACL SETUSER errand \+exists\./],
  ['TIME', ['-time', '-hget'], 'clock', /ACL SETUSER errand \+hget \+time\./],
  ['scripts', ['-eval', '-evalsha'], 'lane openai', /ACL SETUSER errand .* \+eval \+evalsha /],
  ['the list of clients', ['-client|list', '-hget'], 'lane openai', /ACL SETUSER errand \+client\|list \+hget\./],
])('a user without %s: the finding has the command that mends it', async (_title, rights, check, remedy) => {
  const server = await startRedisServer();
  const { findings } = await doctor(await urlOfUser(server, [...ALL, ...rights]));
  const found = findings.find((finding) => finding.check === check);
  expect(found?.remedy).toMatch(remedy);
  expect(findings.map((finding) => finding.check)).toEqual(expect.arrayContaining(['node', 'worker lock']));
});

test('a user without the rights of any role: the finding lists what the nearest lacks', async () => {
  const server = await startRedisServer();
  const url = await urlOfUser(server, [...ALL, '-hget', '-zrem']);
  const { code, findings } = await doctor(url);
  expect(code).toBe(2);
  expect(findings.find(({ check }) => check === 'redis rights')).toMatchObject({
    status: 'fault',
    message: expect.stringMatching(/for \w+ it lacks \+hget \+zrem$/),
    remedy: 'Run in redis-cli: ACL SETUSER errand +hget +zrem.',
  });
});

test('a user with the rights of some roles: the finding names the roles', async () => {
  const server = await startRedisServer();
  const { findings } = await doctor(await urlOfUser(server, [...ALL, '-hkeys', '-subscribe', '-hscan']));
  const message = 'the user "errand" has the rights of: operator';
  expect(findings.find(({ check }) => check === 'redis rights')).toMatchObject({ status: 'ok', message });
});

const DENIED: Record<RedisRole, string[]> = {
  worker: ['lane anthropic', 'lane openai'],
  producer: ['lane anthropic', 'lane openai'],
  board: ['clock', 'lane anthropic', 'lane openai'],
  operator: [],
};

test.each(REDIS_ROLES)('the user of the role %s: what it may not see is unknown', async (role) => {
  const server = await startRedisServer();
  const prefix = freshPrefix();
  const { code, findings } = await doctor(await urlOfUser(server, rightsOf(role, prefix)), undefined, prefix);
  expect(findings.filter(({ status }) => status === 'fault')).toEqual([]);
  expect(code).toBe(0);
  const unknown = findings.filter(({ status }) => status === 'unknown');
  expect(unknown.map(({ check }) => check).sort()).toEqual(DENIED[role]);
  for (const { remedy } of unknown)
    expect(remedy).toMatch(/rights of an operator .*: docs\/explanations\/redis\.md#users\.$/);
  expect(JSON.stringify(findings)).not.toMatch(/errand doctor|ACL SETUSER/);
});

test('a user without any right: every look is a finding of its own', async () => {
  const server = await startRedisServer();
  const { code, findings } = await doctor(await urlOfUser(server, ['nocommands']));
  expect(code).toBe(2);
  const faults = findings.filter(({ status }) => status === 'fault').map(({ check }) => check);
  expect(faults.sort()).toEqual(['clock', 'lane anthropic', 'lane openai', 'redis info', 'redis keys', 'redis rights']);
  expect(JSON.stringify(findings)).not.toContain('errand doctor');
});

test('a Redis that is 80 % full: the doctor warns of its memory', async () => {
  const server = await startRedisServer();
  const admin = openRedis(server.url);
  const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
  await admin.config('SET', 'maxmemory', String(Math.round(used * 1.1)));
  const { findings } = await doctor(server.url);
  expect(findings.find(({ check }) => check === 'redis memory')).toMatchObject({
    status: expect.not.stringMatching('ok'),
  });
});

test.each([
  ['never answers', () => ''],
  ['answers every command with an error', () => '-ERR no such luck\r\n'],
  ['answers the login and then nothing', (text: string) => (/HELLO|info/i.test(text) ? answerOf(text) : '')],
  ['closes the connection', () => null],
])('a Redis that %s: the doctor ends in time', async (_title, answer: (text: string) => string | null) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const text = answer(String(chunk));
      if (text === null) socket.destroy();
      else socket.write(text);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { code, findings } = await doctor(`redis://127.0.0.1:${port}`);
  expect(code).toBe(3);
  expect(findings.some(({ check, status }) => check.startsWith('redis') && status === 'fault')).toBe(true);
  expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(['node', 'worker lock']));
});

/** Answers HELLO as a server of the old protocol, and INFO with a server that is ready. */
function answerOf(text: string): string {
  if (/HELLO/i.test(text)) return '-ERR unknown command\r\n';
  return '$21\r\nredis_version:7.0.15\n\r\n';
}

test('plain http beyond this machine is a warning, unless allow_plain_http is set', async () => {
  const at = (base_url: string, more: object = {}) => ({ wire: 'chat', base_url, credential: 'none', ...more });
  const { findings, code } = await doctor(redisUrl(), {
    vllm: at('http://vllm.svc:8000/v1'),
    keyed: at('http://10.0.0.7/v1', { credential: 'env:KEYED' }),
    meant: at('http://vllm.svc:8000/v1', { allow_plain_http: true }),
    here: at('http://127.0.0.1:8000/v1'),
    named: at('http://localhost:8000/v1'),
    sealed: at('https://models.example/v1'),
  });
  expect(code).toBe(0);
  expect(findings.filter(({ check }) => check.endsWith(' transport'))).toEqual([
    {
      check: 'provider keyed transport',
      status: 'warning',
      message: expect.stringMatching(/"keyed" .* plain http at 10\.0\.0\.7: .* the key, prompts and answers$/),
      remedy: expect.stringContaining('providers.keyed.allow_plain_http: true'),
    },
    {
      check: 'provider vllm transport',
      status: 'warning',
      message: expect.stringMatching(/"vllm" .* plain http at vllm\.svc:8000: .* read prompts and answers$/),
      remedy: expect.stringContaining('providers.vllm.base_url to an https address'),
    },
  ]);
});

test('a provider at a metadata address is refused, and the setting is named', async () => {
  const providers = { acme: { wire: 'chat', base_url: 'http://0xA9FEA9FE/v1', credential: 'none' } };
  const environment = { REDIS_URL: redisUrl(), ERRAND_PROVIDERS: JSON.stringify(providers) };
  const { code, out, err } = await start(['doctor'], aFolder(), environment).ended;
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toMatch(/providers\.acme\.base_url: .* metadata address 169\.254\.169\.254; .*allow_link_local: true/);
});
