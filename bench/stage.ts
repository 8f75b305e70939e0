import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { processEnvironment } from '../src/app/config.ts';
import { startEmbeddedRedis } from '../src/app/embedded-redis/embedded-redis.ts';
import { Child } from './child.ts';
import type { FileOf } from './compiled.ts';

/** What all contenders share: a Redis of the bench's own, a simulator, and a directory that ends with them. */
export type Stage = {
  redis: Redis;
  redisUrl: string;
  simulatorUrl: string;
  /** Starts a process of the bench in the directory, with these flags of Node. */
  start: (name: string, argument: object, flags?: string[]) => Promise<Child>;
  close: () => Promise<void>;
};

/** Starts a Redis with the product's settings (AOF, fsync every second), and the simulator in its own process. */
export async function openStage(fileOf: FileOf): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
  const path = processEnvironment().PATH ?? '';
  const server = await startEmbeddedRedis({ dir, path, isRoot: false });
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  const start: Stage['start'] = (name, argument, flags) => Child.start(fileOf(name), argument, dir, flags);
  const simulator = await start('simulator', {});
  const close = async () => {
    redis.disconnect();
    await simulator.stop();
    await server.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { redis, redisUrl: server.url, simulatorUrl: String(simulator.greeting), start, close };
}

/** One figure of `INFO`. */
export async function infoOf(redis: Redis, field: string): Promise<string> {
  const info = await redis.info();
  return new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
}
