import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { askRedis } from '../../src/app/embedded-redis/ask.ts';
import { findRedisBinary } from '../../src/app/embedded-redis/binary.ts';
import { openHome } from '../../src/app/embedded-redis/home.ts';
import { launchRedis } from '../../src/app/embedded-redis/server.ts';
import { sleep } from '../../src/base/clock.ts';

/** A Redis of one test alone, configured as the embedded one, that can be stopped, killed and started again. */
export type RedisServer = {
  url: string;
  port: number;
  signal: (signal: 'SIGSTOP' | 'SIGCONT') => void;
  kill: () => Promise<void>;
  /** Starts it again on the same port and data; resolves when it answers. */
  start: () => Promise<void>;
};

/** Starts a Redis with its data in `dir`, or in a directory of its own; it ends with the test. */
export async function startRedisServer(dir?: string): Promise<RedisServer> {
  const path = inject('path');
  const binary = await findRedisBinary({ path, isRoot: false, log: () => undefined });
  const place = dir ?? (await mkdtemp(join(tmpdir(), 'errand-redis-')));
  const home = await openHome(place);
  const { port, process: launched } = await launchRedis(binary, home, path);
  let server: ChildProcess = launched;
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  };
  const start = async () => {
    const spawned = () => spawn(binary, [home.configFile], { cwd: home.dir, env: {}, stdio: 'ignore' });
    server = spawned();
    while (!(await askRedis(port, 'PING', 1_000))?.startsWith('+PONG')) {
      if (server.exitCode !== null) server = spawned(); // a client of another test had its port
      await sleep(20);
    }
  };
  onTestFinished(async () => {
    await kill();
    if (dir === undefined) await rm(place, { recursive: true, force: true });
  });
  return { url: `redis://127.0.0.1:${port}`, port, signal: (signal) => void server.kill(signal), kill, start };
}
