import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { findRedisBinary } from '../../src/app/embedded-redis/binary.ts';
import type { Authority, Issued } from './certificates.ts';

/** Linux gives its clients ports from 32768, other systems higher ones. */
const BELOW_CLIENTS = [12_000, 32_000] as const;

/** A Redis or a Sentinel with settings of its own. `kill` resolves once it is gone. */
export type ConfiguredRedis = { dir: string; kill: () => Promise<void> };

/** A directory that is removed after the test. */
export async function aDirectory(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-redis-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/**
 * A port of this machine that is free. It lies below the ports that the system gives to clients, so that it stays free.
 */
export async function aFreePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(...BELOW_CLIENTS);
    const server = createServer().listen(port, host);
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Starts a Redis with these lines of configuration, as a Sentinel with `isSentinel`; it ends with the test. */
export async function startConfiguredRedis(lines: string[], { isSentinel = false } = {}): Promise<ConfiguredRedis> {
  const binary = await findRedisBinary({ path: inject('path'), isRoot: false, log: () => undefined });
  const dir = await aDirectory();
  const file = join(dir, 'redis.conf');
  const settings = isSentinel ? [] : ['save ""', 'maxmemory-policy noeviction', 'appendonly no'];
  await writeFile(file, `${[`dir ${dir}`, ...settings, ...lines].join('\n')}\n`);
  const args = isSentinel ? [file, '--sentinel'] : [file];
  const child = spawn(binary, args, { cwd: dir, env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (/ready to accept connections|Sentinel ID is/i.test(said)) resolve();
  });
  child.once('exit', () => reject(new Error(`Redis did not start: ${said.slice(-1_000)}`)));
  await promise;
  return { dir, kill };
}

/** Writes certificate and key into the directory and names the files. */
export async function filesOf(
  dir: string,
  name: string,
  { cert, key }: Issued,
): Promise<{ cert: string; key: string }> {
  const files = { cert: join(dir, `${name}.pem`), key: join(dir, `${name}-key.pem`) };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key, { mode: 0o600 });
  return files;
}

/** A Redis that speaks TLS only. `ca` is the file of the authority that signed its certificate. */
export type TlsRedis = { port: number; dir: string; ca: string };

/** Starts a Redis that speaks TLS only, with a certificate for `hosts` from this authority. */
export async function startTlsRedis(
  authority: Authority,
  { hosts = ['localhost', '127.0.0.1', '::1'], demandsClient = false, days = 2 } = {},
): Promise<TlsRedis> {
  const dir = await aDirectory();
  const { cert: ca } = await filesOf(dir, 'authority', authority);
  const server = await filesOf(dir, 'server', authority.issue('redis', { hosts, days }));
  const port = await aFreePort();
  await startConfiguredRedis([
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${server.cert}`,
    `tls-key-file ${server.key}`,
    `tls-ca-cert-file ${ca}`,
    `tls-auth-clients ${demandsClient ? 'yes' : 'no'}`,
  ]);
  return { port, dir, ca };
}
