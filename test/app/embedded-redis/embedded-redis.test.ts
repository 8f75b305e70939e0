import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest';
import { findRedisBinary } from '../../../src/app/embedded-redis/binary.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../../src/app/embedded-redis/embedded-redis.ts';
import { openRedis } from '../../helpers/redis.ts';

const path = inject('path');

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-redis-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
});

async function start(log: (line: string) => void = () => {}): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis({ dir, path, isRoot: false, log });
  onTestFinished(redis.close);
  return redis;
}

/** A PATH with nothing on it but this `redis-server`. */
async function pathWith(server: { script: string } | { linkTo: string }): Promise<string> {
  const bin = join(dir, 'bin');
  const file = join(bin, 'redis-server');
  await mkdir(bin);
  await ('script' in server ? writeFile(file, server.script, { mode: 0o755 }) : symlink(server.linkTo, file));
  return bin;
}

type OwnerProcess = { process: ChildProcess; url: string; pid: number; nextLine: () => Promise<unknown> };

/** Starts an embedded Redis in a process of its own, which can be killed. */
async function startOwner(ownerPath: string): Promise<OwnerProcess> {
  const script = join(import.meta.dirname, '../../fixtures/embedded-redis-owner.ts');
  const child = spawn(process.execPath, [script, dir, ownerPath], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: path },
  });
  onTestFinished(() => endQuietly(Number(child.pid)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => JSON.parse(String((await lines.next()).value));
  const owner: OwnerProcess = { process: child, ...(await nextLine()), nextLine };
  onTestFinished(() => endQuietly(owner.pid));
  return owner;
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already, as it should.
  }
}

/** A connection that tells when the server it leads to has gone. */
async function watch(url: string): Promise<{ gone: Promise<unknown> }> {
  const redis = openRedis(url);
  await redis.ping();
  return { gone: once(redis, 'close') };
}

describe('startEmbeddedRedis', () => {
  test('says where it cannot write, and what to do instead', async () => {
    await writeFile(join(dir, 'a-file'), '');
    const below = join(dir, 'a-file', 'below');
    await expect(startEmbeddedRedis({ dir: below, path, isRoot: false })).rejects.toMatchObject({
      code: 'REDIS_UNSUITABLE',
      message: expect.stringContaining(`cannot write to ${below}`),
      remedy: expect.stringContaining('Set REDIS_URL'),
    });
  });

  test('says where its configuration cannot be written', async () => {
    await mkdir(join(dir, 'redis', 'redis.conf'), { recursive: true });
    await expect(start()).rejects.toMatchObject({
      code: 'REDIS_UNSUITABLE',
      message: expect.stringContaining('EISDIR'),
    });
  });

  test('starts a durable server that never evicts and listens on loopback only', async () => {
    const redis = await start();
    const client = openRedis(redis.url);
    const setting = async (name: string) => Object.values(await client.config('GET', name))[1];

    expect(redis.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
    expect(await client.info('server')).toContain(`process_id:${redis.pid}`);
    expect(await setting('bind')).toBe('127.0.0.1');
    expect(await setting('appendonly')).toBe('yes');
    expect(await setting('appendfsync')).toBe('everysec');
    expect(await setting('maxmemory-policy')).toBe('noeviction');
    expect(await setting('lazyfree-lazy-user-del')).toBe('yes');
    expect(await setting('protected-mode')).toBe('yes');
  });

  test('keeps its data from one run to the next, under its directory only', async () => {
    const first = await start();
    await openRedis(first.url).set('kept', 'yes');
    await first.close();

    const second = await start();
    expect(await openRedis(second.url).get('kept')).toBe('yes');
    expect(await readdir(dir)).toEqual(['redis']);
  });

  test('ends its server when closed, and may be closed twice', async () => {
    const lines: string[] = [];
    const redis = await start((line) => lines.push(line));
    const { gone } = await watch(redis.url);
    await Promise.all([redis.close(), redis.close()]);
    await gone;
    expect(() => process.kill(redis.pid, 0)).toThrow('ESRCH');
    expect(lines).toEqual([]);
  });

  test('says so when its server ends by itself', async () => {
    const { promise: told, resolve } = Promise.withResolvers<string>();
    const redis = await start(resolve);
    process.kill(redis.pid, 'SIGKILL');
    expect(await told).toBe(`The embedded Redis (pid ${redis.pid}) ended unexpectedly.`);
  });

  test('refuses a directory in use, says how to join, and leaves its server alone', async () => {
    const redis = await start();
    await openRedis(redis.url).set('kept', 'yes');

    await expect(start()).rejects.toMatchObject({
      code: 'REDIS_UNSUITABLE',
      message: expect.stringContaining(`set REDIS_URL=${redis.url} and start again`),
    });
    expect(await openRedis(redis.url).get('kept')).toBe('yes');
  });

  test('lets exactly one of many that start at once have the directory', async () => {
    const starts = await Promise.allSettled([start(), start(), start(), start(), start()]);
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('gives the directory back when the server does not start, with the end of its log', async () => {
    const script = '#!/bin/sh\n[ "$1" = --version ] && echo "Redis server v=7.9.9" || echo "cannot go on"\n';
    const bin = await pathWith({ script });
    await expect(startEmbeddedRedis({ dir, path: bin, isRoot: false })).rejects.toMatchObject({
      code: 'REDIS_UNSUITABLE',
      message: expect.stringContaining('cannot go on'),
    });
    await start();
  });

  test('ends with an owner that is killed, keeping what was written', async () => {
    const owner = await startOwner(path);
    await openRedis(owner.url).set('kept', 'yes');
    const { gone } = await watch(owner.url);
    process.kill(Number(owner.process.pid), 'SIGKILL');
    await gone;

    const next = await start();
    expect(await openRedis(next.url).get('kept')).toBe('yes');
  });

  test('is ended by the next start where it could not be tied to its owner', async () => {
    const server = await findRedisBinary({ path, isRoot: false, log: () => {} });
    const owner = await startOwner(await pathWith({ linkTo: server }));
    await openRedis(owner.url).set('kept', 'yes');
    const { gone } = await watch(owner.url);
    process.kill(Number(owner.process.pid), 'SIGKILL');
    await once(owner.process, 'exit');
    expect(await openRedis(owner.url).ping()).toBe('PONG');

    const lines: string[] = [];
    const next = await start((line) => lines.push(line));
    await gone;
    expect(lines).toEqual([`Ending the Redis (pid ${owner.pid}) that an earlier Errand left behind.`]);
    expect(await openRedis(next.url).get('kept')).toBe('yes');
  });

  test('stays up when Ctrl-C reaches its owner, which still has to drain', async () => {
    const owner = await startOwner(path);
    const { gone } = await watch(owner.url);
    process.kill(-Number(owner.process.pid), 'SIGINT');
    expect(await owner.nextLine()).toBe('interrupted');
    // A Redis that was told to end is gone within a tenth of a second; this one answers a read that blocks for longer.
    const answer = openRedis(owner.url).blpop('{t}:nothing', 0.3);
    expect(await Promise.race([answer, gone.then(() => 'gone')])).toBe(null);
  });

  test('does not touch a server of another directory that now has its last port', async () => {
    const other = await start();
    const port = new URL(other.url).port;
    const mine = await mkdtemp(join(tmpdir(), 'errand-redis-'));
    onTestFinished(() => rm(mine, { recursive: true, force: true }));
    await mkdir(join(mine, 'redis'));
    await writeFile(join(mine, 'redis', 'redis.conf'), `port ${port}\n`);

    const redis = await startEmbeddedRedis({ dir: mine, path, isRoot: false });
    onTestFinished(redis.close);
    expect(redis.url).not.toBe(other.url);
    expect(await openRedis(other.url).ping()).toBe('PONG');
  });
});
