import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedRedis } from '../../src/app/embedded-redis/embedded-redis.ts';
import { prepareBrowser } from './browser.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The Redis of the suite. It may be shared: write under a `freshPrefix()` only. */
    redisUrl: string;
    /** The PATH the suite was started with. */
    path: string;
    /** A folder of this run, for what several test files share. */
    shared: string;
  }
}

/**
 * Gives the suite one Redis: the one `REDIS_URL` names, or an embedded one that ends with the suite. Then starts to
 * prepare a browser, which the few tests that need one wait for; only then, because apt does one thing at a time.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.REDIS_URL;
  const path = process.env.PATH ?? '';
  const redis = given ? { url: given, close: async () => {} } : await startTemporaryRedis(path);
  const shared = await mkdtemp(join(tmpdir(), 'errand-shared-'));
  project.provide('redisUrl', redis.url);
  project.provide('path', path);
  project.provide('shared', shared);
  prepareBrowser();
  return async () => {
    await redis.close();
    await rm(shared, { recursive: true, force: true });
  };
}

async function startTemporaryRedis(path: string): Promise<{ url: string; close: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-suite-'));
  const redis = await startEmbeddedRedis({
    dir,
    path,
    isRoot: process.getuid?.() === 0,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  const close = async () => {
    await redis.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { url: redis.url, close };
}
