import { expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { redisOf } from '../../src/app/redis-settings.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { createProducer } from '../../src/entries/producer.ts';
import { startSimulator } from '../../src/entries/simulator.ts';
import { createWorker } from '../../src/entries/worker.ts';

const REDIS = 'redis://127.0.0.1:1';
const FILE = '/dev/null';

function throwing(): never {
  throw new Error('not readable');
}

test.each<[string, unknown, string]>([
  ['null', null, 'options: expected an object, got null'],
  ['a text', REDIS, 'options: expected an object, got a string'],
  ['an empty address', { redis: '', config: FILE }, 'redis: expected an address'],
  ['an address that is an object', { redis: { host: '127.0.0.1' }, config: FILE }, 'redis: expected an address'],
  ['an address that is null', { redis: null, config: FILE }, 'redis: expected an address'],
  ['the number of a file', { redis: REDIS, config: 0 }, 'config: expected the name of a file'],
  ['an empty name of a file', { redis: REDIS, config: '' }, 'config: expected the name of a file, got an empty text'],
  ['settings that are a text', { redis: REDIS, settings: 'abc' }, 'settings: expected an object of settings'],
  ['settings that are null', { redis: REDIS, settings: null }, 'settings: expected an object of settings'],
  ['an option that does not exist', { redis: REDIS, conection: 5 }, 'options: unknown option "conection"; known: '],
  ['a getter that throws', Object.defineProperty({}, 'redis', { get: throwing, enumerable: true }), 'can be read'],
  ['a proxy that throws', new Proxy({}, { get: throwing, ownKeys: throwing }), 'can be read'],
  [
    'settings with a getter that throws',
    { redis: REDIS, settings: { limits: new Proxy({}, { ownKeys: throwing }) } },
    'limits',
  ],
  ['settings with __proto__', { redis: REDIS, settings: { providers: JSON.parse('{"__proto__":{}}') } }, '__proto__'],
])('options of the library that are %s are refused by name', async (_, options, message) => {
  const refusal = { name: 'ErrandError', code: 'CONFIG_INVALID', message: expect.stringContaining(message) };
  expect(() => Reflect.apply(createProducer, null, [options])).toThrow(expect.objectContaining(refusal));
  await expect(Reflect.apply(createWorker, null, [options])).rejects.toMatchObject(refusal);
});

test.each([
  ['onError', { onError: 'print' }, createProducer],
  ['only', { only: 'openai' }, createWorker],
  ['concurrency', { concurrency: '5' }, createWorker],
  ['output', { output: 'stdout' }, createWorker],
  ['observers', { observers: 'log' }, createWorker],
])('the option %s of a wrong type is refused by name', async (name, option, create) => {
  const opening = async () => Reflect.apply(create, null, [{ redis: REDIS, config: FILE, ...option }]);
  await expect(opening()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`${name}: `),
  });
});

test.each([
  ['prot', 4010, 'options: unknown option "prot"; did you mean port? Known: port, host, script, logLimit'],
  ['port', '4010', 'port: expected a number'],
  ['host', '', 'host: expected a host name'],
  ['script', 'answer', 'simulator script: '],
  ['logLimit', true, 'logLimit: expected a number'],
])('the option %s of a simulator is refused by name', async (name, value, message) => {
  await expect(startSimulator({ [name]: value })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(message),
  });
});

test('a key in redis_tls where its path belongs is refused and not repeated', () => {
  const key = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----';
  const settings = { redis_tls: { cert: key, key } };
  const options = { redis: 'rediss://127.0.0.1:1', config: FILE, settings };
  const message = 'redis_tls.cert: expected the path of a file, got the text of one';
  expect(() => createProducer(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message }));
});

test.each(['planted-secret', 'pl4nted/secret', '/planted+secret'])(
  'the password %s in REDIS_SENTINEL_PASSWORD_FILE is not repeated',
  (password) => {
    const variables = { ERRAND_CONFIG: FILE, REDIS_SENTINEL_PASSWORD_FILE: password };
    const config = loadConfig(variables, { redis_url: 'redis+sentinel://127.0.0.1:1/main' });
    const secrets = secretsIn(variables);
    const message = 'REDIS_SENTINEL_PASSWORD_FILE is not a path of a readable file';
    expect(() => redisOf(config, secrets)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message }));
  },
);

test.each(['ca', 'cert'])('a key on one line in redis_tls.%s is not repeated', (name) => {
  const planted = 'MIIEvQIBADANplanted/secret==';
  const files = name === 'ca' ? { ca: planted } : { cert: planted, key: planted };
  const config = loadConfig({ ERRAND_CONFIG: FILE }, { redis_url: 'rediss://127.0.0.1:1', redis_tls: files });
  const message = `redis_tls.${name === 'ca' ? 'ca' : 'cert'} is not a path of a readable file`;
  expect(() => redisOf(config, secretsIn({}))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message }));
});
