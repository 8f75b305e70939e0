import { exec, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, onTestFinished, test } from 'vitest';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig } from '../../src/app/config.ts';
import { redisOf } from '../../src/app/redis-settings.ts';
import { sleep } from '../../src/base/clock.ts';
import { newBatchId } from '../../src/base/ids.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { type ErrandError, isErrandError } from '../../src/errors.ts';
import { anAuthority } from '../helpers/certificates.ts';
import { aDirectory, aFreePort, filesOf, startConfiguredRedis, startTlsRedis } from '../helpers/configured-redis.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';

type Settings = { redis_url: string; redis_tls?: Record<string, string> };

const NO_FILE = { ERRAND_CONFIG: '/dev/null' };

/** The error of a producer that is asked with these settings. */
async function refusalOf(settings: Settings): Promise<ErrandError> {
  const producer = composeProducer(loadConfig(NO_FILE, settings), secretsIn({}));
  try {
    await producer.status(newBatchId());
  } catch (error) {
    if (isErrandError(error)) return error;
    throw error;
  } finally {
    await producer.close();
  }
  return expect.fail('the call succeeded');
}

test.each<[string, string, () => Promise<Settings>]>([
  [
    'a certificate of an unknown authority',
    'not trusted .* Set redis_tls.ca',
    async () => ({ redis_url: `rediss://localhost:${(await startTlsRedis(anAuthority('private'))).port}` }),
  ],
  [
    'a certificate for another host',
    'for another host name.* Use a name in REDIS_URL',
    async () => {
      const { port, ca } = await startTlsRedis(anAuthority('private'), { hosts: ['elsewhere.example'] });
      return { redis_url: `rediss://127.0.0.1:${port}`, redis_tls: { ca } };
    },
  ],
  [
    'a certificate that has expired',
    'CERT_HAS_EXPIRED.* Renew the certificate',
    async () => {
      const { port, ca } = await startTlsRedis(anAuthority('private'), { days: -1 });
      return { redis_url: `rediss://localhost:${port}`, redis_tls: { ca } };
    },
  ],
  [
    'a missing client certificate',
    'demands a client certificate .* [Ss]et redis_tls.cert and redis_tls.key',
    async () => {
      const { port, ca } = await startTlsRedis(anAuthority('private'), { demandsClient: true });
      return { redis_url: `rediss://localhost:${port}`, redis_tls: { ca } };
    },
  ],
  [
    'a client certificate of another authority',
    'demands a client certificate that it trusts',
    async () => {
      const { port, ca, dir } = await startTlsRedis(anAuthority('private'), { demandsClient: true });
      const client = await filesOf(dir, 'client', anAuthority('another').issue('errand'));
      return { redis_url: `rediss://localhost:${port}`, redis_tls: { ca, ...client } };
    },
  ],
  [
    'TLS at a port without TLS',
    'does not expect TLS, write redis://',
    async () => {
      const port = await aFreePort();
      await startConfiguredRedis([`port ${port}`]);
      return { redis_url: `rediss://localhost:${port}` };
    },
  ],
  [
    'no TLS at a port with TLS',
    'expects TLS, write rediss://',
    async () => ({ redis_url: `redis://localhost:${(await startTlsRedis(anAuthority('private'))).port}` }),
  ],
])('%s is named with the setting to change', async (_, text, settings) => {
  const { code, message, remedy } = await refusalOf(await settings());
  expect(code).toBe('REDIS_UNAVAILABLE');
  expect(`${message} ${remedy}`).toMatch(new RegExp(text));
});

test('a producer may be closed while the handshake fails: the process goes on', async () => {
  const { port } = await startTlsRedis(anAuthority('private'));
  const config = loadConfig(NO_FILE, { redis_url: `rediss://127.0.0.1:${port}` });
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('uncaughtException', note);
  onTestFinished(() => void process.off('uncaughtException', note));
  for (let round = 0; round < 100; round++) {
    const producer = composeProducer(config, secretsIn({}));
    await sleep(round % 10); // any moment of the handshake
    await producer.close();
  }
  await sleep(500); // errors come after the end
  expect(unhandled).toEqual([]);
});

test('a worker does not start if the certificate of Redis is not trusted', async () => {
  const { port, ca } = await startTlsRedis(anAuthority('private'));
  const url = `rediss://localhost:${port}`;
  const { startWorker } = await aDeployment({ settings: { redis_url: url, redis_tls: { ca } } });
  await expect(startWorker({}, { redis_tls: {} })).rejects.toMatchObject({
    code: 'REDIS_UNAVAILABLE',
    remedy: expect.stringContaining('redis_tls.ca'),
  });
});

test.each<[string, string, (dir: string) => Promise<Record<string, string>>]>([
  ['a missing file', 'redis_tls.ca: .*/none.pem cannot be read', async (dir) => ({ ca: join(dir, 'none.pem') })],
  [
    'a directory',
    'redis_tls.ca: .*/folder cannot be read',
    async (dir) => {
      await mkdir(join(dir, 'folder'));
      return { ca: join(dir, 'folder') };
    },
  ],
  [
    'a file that is not PEM',
    'redis_tls.ca: .*/text.pem has no certificate in PEM form',
    async (dir) => {
      await writeFile(join(dir, 'text.pem'), 'text');
      return { ca: join(dir, 'text.pem') };
    },
  ],
  [
    'a key in the place of a certificate',
    'redis_tls.cert: .*/client-key.pem has no certificate',
    async (dir) => {
      const { key } = await filesOf(dir, 'client', anAuthority('private').issue('errand'));
      return { cert: key, key };
    },
  ],
  [
    'a certificate without a key',
    'redis_tls.cert is set and redis_tls.key is not',
    async (dir) => ({ cert: (await filesOf(dir, 'client', anAuthority('private').issue('errand'))).cert }),
  ],
  [
    'the key of another certificate',
    'other-key.pem does not match the certificate in .*client.pem',
    async (dir) => {
      const { cert } = await filesOf(dir, 'client', anAuthority('private').issue('errand'));
      return { cert, key: (await filesOf(dir, 'other', anAuthority('private').issue('errand'))).key };
    },
  ],
  [
    'an encrypted key',
    'the key in .*client-key.pem is encrypted',
    async (dir) => {
      const { cert } = anAuthority('private').issue('errand');
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' } as const;
      return filesOf(dir, 'client', { cert, key: String(privateKey.export(options)) });
    },
  ],
])('%s is refused at start', async (_, message, files) => {
  const config = loadConfig(NO_FILE, { redis_url: 'rediss://localhost', redis_tls: await files(await aDirectory()) });
  expect(() => redisOf(config, secretsIn({}))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(() => redisOf(config, secretsIn({}))).toThrow(new RegExp(message));
});

test('files for TLS are refused with an address without TLS', () => {
  const config = loadConfig({ ...NO_FILE, REDIS_TLS_CA: '/ca.pem' }, { redis_url: 'redis://localhost' });
  expect(() => redisOf(config, secretsIn({}))).toThrow('redis_tls is set, but the address of Redis does not use TLS');
});

test.for([false, true])('the command after a wrong login works; own certificate: %s', async (isMutual, { skip }) => {
  const authority = anAuthority('private');
  const { port, ca, dir } = await startTlsRedis(authority, { demandsClient: isMutual });
  const client = await filesOf(dir, "the client's", authority.issue('errand'));
  const redis_tls = { ca: relative('.', ca), ...(isMutual && client) };
  const url = (password: string) => `rediss://ann:${password}@localhost:${port}`;
  const admin = openRedis(
    redisOf(loadConfig(NO_FILE, { redis_url: `rediss://localhost:${port}`, redis_tls }), secretsIn({})),
  );
  await admin.call('ACL', 'SETUSER', 'ann', 'on', '>right', '+@all');
  const { message, remedy } = await refusalOf({ redis_url: url('wrong'), redis_tls });
  expect(message).toContain('WRONGPASS');
  const command = /"(redis-cli .*)" tries a login/.exec(remedy)?.[1] ?? '';
  expect(command).toContain(`--tls --cacert ${ca}${isMutual ? ' --cert ' : ' '}`);
  expect(command).toContain(' --askpass ');
  // It asks at a terminal. A test has none, so the variable has the password.
  const environment = { PATH: inject('path'), REDISCLI_AUTH: 'right' };
  if (spawnSync('redis-cli', ['--version'], { env: environment }).error) return skip('redis-cli is not installed');
  const said = await promisify(exec)(command.replace(' --askpass', ''), { cwd: dir, env: environment });
  expect(said.stdout.trim()).toBe('ann');
});
