import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { findRedisBinary } from '../../../src/app/embedded-redis/binary.ts';
import { isDebianLike } from '../../../src/app/embedded-redis/install.ts';
import { isErrandError, messageOf } from '../../../src/errors.ts';

let bin: string;
beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), 'errand-bin-'));
  onTestFinished(() => rm(bin, { recursive: true, force: true }));
});

const quiet = { isRoot: false, log: () => {}, alsoIn: [] };

async function putServer(name: string, versionLine: string): Promise<string> {
  const file = join(bin, name);
  await writeFile(file, `#!/bin/sh\necho '${versionLine}'\n`, { mode: 0o755 });
  return file;
}

describe('findRedisBinary', () => {
  test('finds redis-server on the PATH that is handed in', async () => {
    const file = await putServer('redis-server', 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64');
    expect(await findRedisBinary({ ...quiet, path: `/nowhere:${bin}` })).toBe(file);
  });

  test('looks in the common directories after the PATH', async () => {
    const file = await putServer('redis-server', 'Redis server v=8.2.1 sha=00000000:0');
    expect(await findRedisBinary({ ...quiet, path: '/nowhere', alsoIn: [bin] })).toBe(file);
  });

  test('passes over a redis-server that is too old for a valkey-server that is not', async () => {
    await putServer('redis-server', 'Redis server v=6.0.16 sha=00000000:0');
    const file = await putServer('valkey-server', 'Valkey server v=8.1.1 sha=00000000:0');
    expect(await findRedisBinary({ ...quiet, path: bin })).toBe(file);
  });

  test('names the version of one that is too old', async () => {
    const file = await putServer('redis-server', 'Redis server v=6.0.16 sha=00000000:0');
    await expect(findRedisBinary({ ...quiet, path: bin })).rejects.toThrow(`${file} is version 6.0.16`);
  });

  test('tells a person without one the commands for apt, brew and docker, in one error', async () => {
    const error: unknown = await findRedisBinary({ ...quiet, path: bin }).catch((reason: unknown) => reason);
    expect(isErrandError(error, 'REDIS_UNSUITABLE')).toBe(true);
    const message = messageOf(error);
    expect(message).toContain('found none');
    expect(message).toContain('sudo apt-get install -y redis-server');
    expect(message).toContain('brew install redis');
    expect(message).toContain('docker run -d -p 127.0.0.1:6379:6379 redis:7 ');
    expect(message).toContain('REDIS_URL=redis://127.0.0.1:6379');
  });
});

describe('isDebianLike', () => {
  test('knows Debian, Ubuntu and what is derived from them', () => {
    expect(isDebianLike('NAME="Debian GNU/Linux"\nID=debian\n')).toBe(true);
    expect(isDebianLike('ID=ubuntu\nID_LIKE=debian\n')).toBe(true);
    expect(isDebianLike('ID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe(true);
  });

  test('knows that others are not, whatever else their file mentions', () => {
    expect(isDebianLike('ID=alpine\nHOME_URL="https://debian.example/"\n')).toBe(false);
    expect(isDebianLike('')).toBe(false);
  });
});
