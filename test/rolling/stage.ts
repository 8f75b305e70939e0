import { openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processEnvironment } from '../../src/app/config.ts';
import { type ScriptInput, type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import { RedisUnderFire } from '../storm/redis-under-fire.ts';
import { RemoteProducer } from './remote-producer.ts';
import type { Tree } from './tree.ts';
import { WorkerProcess } from './worker-process.ts';

/** One Redis and one simulator, for workers and producers of several versions at the same time. */
export type Stage = {
  dir: string;
  workspaceRoot: string;
  simulator: Simulator;
  /** The URL of Redis. */
  redisUrl: string;
  prefix: string;
  startWorker: (tree: Tree, settings?: object) => Promise<WorkerProcess>;
  startProducer: (tree: Tree) => Promise<RemoteProducer>;
  /** Ends all processes. Keeps the directory, with the log of the workers, if `isKept`. */
  close: (options?: { isKept?: boolean }) => Promise<void>;
};

const PREFIX = '{rolling}';

/** Starts Redis and the simulator. Uses only settings that the earlier version knows. */
export async function openStage(script: ScriptInput = { rules: [] }): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-rolling-'));
  const path = processEnvironment().PATH ?? '';
  const env = { PATH: path, ROLLING_KEY: 'sk-rolling-0123456789abcdef', ERRAND_CONFIG: '/dev/null' };
  const redis = await RedisUnderFire.start(join(dir, 'redis'), path);
  const simulator = await startSimulator({ script, logLimit: 100 });
  const workspaceRoot = join(dir, 'workspaces');
  const log = openSync(join(dir, 'workers.log'), 'a');
  const redisUrl = `redis://127.0.0.1:${redis.port}`;
  const settings = {
    redis_url: redisUrl,
    prefix: PREFIX,
    providers: providersAt(simulator.url),
    tasks: { tries: 10, backoff_ms: 50 },
  };
  const worker = { lock_duration_ms: 3_000, drain_grace_ms: 200, concurrency: 6, log_level: 'warn' };
  const place = { health_host: '127.0.0.1', health_port: 0, workspace_root: workspaceRoot };
  const workers: WorkerProcess[] = [];
  const producers: RemoteProducer[] = [];
  let started = 0;
  return {
    dir,
    workspaceRoot,
    simulator,
    redisUrl,
    prefix: PREFIX,
    startWorker: async (tree, more = {}) => {
      const name = `${tree.name}-${++started}`;
      const own = { ...settings, ...more, worker: { ...worker, ...place, name } };
      const opened = await WorkerProcess.start(tree, own, env, log);
      workers.push(opened);
      return opened;
    },
    startProducer: async (tree) => {
      const producer = await RemoteProducer.start(tree, settings, env);
      producers.push(producer);
      return producer;
    },
    close: async ({ isKept = false } = {}) => {
      for (const producer of producers) producer.close();
      await Promise.all(workers.map((opened) => opened.kill()));
      await simulator.close();
      await redis.close();
      if (!isKept) await rm(dir, { recursive: true, force: true });
    },
  };
}

function providersAt(url: string): Record<string, object> {
  const provider = { credential: 'env:ROLLING_KEY', default_model: 'rolling-1' };
  return {
    openai: {
      ...provider,
      prices: { 'rolling-1': { input: 1, cached_input: 0.1, output: 4 } },
      wire: 'responses',
      base_url: `${url}/openai/v1`,
    },
    anthropic: { ...provider, wire: 'messages', base_url: `${url}/anthropic` },
    local: { ...provider, wire: 'chat', base_url: `${url}/local/v1` },
  };
}
