import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig, processEnvironment } from '../../src/app/config.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import type { Producer } from '../../src/producer/producer.ts';
import { CountingProcess } from '../../test/storm/counting-process.ts';
import { EFFECTS_FILE } from '../../test/storm/effects.ts';
import { RedisUnderFire } from '../../test/storm/redis-under-fire.ts';
import { WorkerPool } from '../../test/storm/worker-pool.ts';
import { type CheckedServer, checkedServers } from './servers.ts';

export const PREFIX = '{mcp}';
export const WORKERS = 2;
/** How many processes of servers a worker may run: fewer than its tasks want at a time. */
export const MAX_PROCESSES = 4;
const CONCURRENCY = 8;

/** The providers, by wire. */
export const PROVIDERS = { responses: 'openai', messages: 'anthropic', chat: 'local' } as const;

/** The deployment of the check: workers in processes of their own, the servers of the matrix declared. */
export type Stage = {
  dir: string;
  redisPort: number;
  simulator: Simulator;
  /** The server over HTTP, which tells the sessions that are open. */
  web: CountingProcess<string[]>;
  servers: readonly CheckedServer[];
  /** Where the liar notes its calls, and the server over HTTP its effects. */
  liarCalls: string;
  effectsFile: string;
  workers: WorkerPool;
  producer: Producer;
  close: (options: { isKept: boolean }) => Promise<void>;
};

/** Starts Redis, the simulator, the server over HTTP and the workers. */
export async function openStage(): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-check-mcp-'));
  const [files, workspaceRoot] = [join(dir, 'files'), join(dir, 'workspaces')];
  for (const made of [files, workspaceRoot]) await mkdir(made);
  const { PATH: path = '', HOME: home = '' } = processEnvironment();
  const env = { PATH: path, HOME: home, CHECK_KEY: 'sk-check-0123456789abcdef', ERRAND_CONFIG: '/dev/null' };
  const [liarCalls, effectsFile] = [join(dir, 'liar-calls'), join(dir, 'effects')];
  const redis = await RedisUnderFire.start(dir, path);
  const simulator = await startSimulator({ logLimit: 10_000 });
  const web = await CountingProcess.start<string[]>('mcp-web', { ...env, [EFFECTS_FILE]: effectsFile });
  const servers = checkedServers({ dir: files, liarCalls, webUrl: web.url });
  const settings = settingsOf(redis.port, simulator.url, servers);
  const workers = await WorkerPool.start(WORKERS, {
    env,
    logFile: join(dir, 'workers.log'),
    settings: (_, name) => ({ ...settings, worker: workerSettings(name, workspaceRoot) }),
  });
  const producer = composeProducer(loadConfig(env, settings), secretsIn({}));
  const abandon = () => {
    for (const part of [workers, web, redis]) part.abandon();
  };
  process.once('exit', abandon);
  const close = async ({ isKept }: { isKept: boolean }) => {
    process.off('exit', abandon);
    await producer.close();
    await workers.drain();
    await simulator.close();
    await web.close();
    await redis.close();
    if (!isKept) await rm(dir, { recursive: true, force: true });
  };
  return { dir, redisPort: redis.port, simulator, web, servers, liarCalls, effectsFile, workers, producer, close };
}

function settingsOf(redisPort: number, url: string, servers: readonly CheckedServer[]): Record<string, unknown> {
  const { responses, messages, chat } = PROVIDERS;
  const provider = { credential: 'env:CHECK_KEY', default_model: 'check-1' };
  return {
    redis_url: `redis://127.0.0.1:${redisPort}`,
    prefix: PREFIX,
    providers: {
      [responses]: { ...provider, wire: 'responses', base_url: `${url}/v1` },
      [messages]: { ...provider, wire: 'messages', base_url: url },
      [chat]: { ...provider, wire: 'chat', base_url: `${url}/v1` },
    },
    tasks: { tries: 20, backoff_ms: 50 },
    mcp: {
      max_processes: MAX_PROCESSES,
      ...Object.fromEntries(servers.map(({ name, declared }) => [name, declared])),
    },
  };
}

function workerSettings(name: string, workspaceRoot: string): Record<string, unknown> {
  return {
    name,
    concurrency: CONCURRENCY,
    lock_duration_ms: 2_000,
    drain_grace_ms: 1_000,
    health_host: '127.0.0.1',
    health_port: 0,
    workspace_root: workspaceRoot,
    log_level: 'warn',
  };
}
