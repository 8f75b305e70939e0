import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig, processEnvironment } from '../../src/app/config.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import type { Producer } from '../../src/producer/producer.ts';
import type { CallTally } from './calls.ts';
import { CountingProcess } from './counting-process.ts';
import { EFFECTS_FILE } from './effects.ts';
import { RedisUnderFire } from './redis-under-fire.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { WorkerPool } from './worker-pool.ts';
import { PROVIDERS } from './workload.ts';

/** How many workers there are at any time; every second one reaches Redis through the proxy. */
export const SLOTS = 4;
/** Tasks at a time in each of the three lanes of a worker. */
const CONCURRENCY = 8;
const MCP_PROCESSES = 4;
const LOCK_MS = 2_000;
/** The variable that marks every process of this storm, so that the process table shows what is left of it. */
export const MARK = 'ERRAND_STORM';
export const PREFIX = '{storm}';

/** The deployment that is attacked: all in processes of their own, in a directory of its own. */
export type Stage = {
  mark: string;
  dir: string;
  workspaceRoot: string;
  redis: RedisUnderFire;
  proxy: TcpProxy;
  provider: CountingProcess<CallTally>;
  /** The service of the own toolset, and the MCP server over HTTP: both tell the sessions that are open. */
  services: CountingProcess<string[]>[];
  /** Where the servers of the tools note each effect. */
  effectsFile: string;
  workers: WorkerPool;
  producer: Producer;
  /** Ends all of it; removes the directory unless what it holds is still of use. */
  close: (options: { isKept: boolean }) => Promise<void>;
};

/** Starts Redis, the proxy in front of it, the simulator and the workers. */
export async function openStage(): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-storm-'));
  const workspaceRoot = join(dir, 'workspaces');
  await mkdir(workspaceRoot);
  const path = processEnvironment().PATH ?? '';
  const mark = randomBytes(8).toString('hex');
  const env = { PATH: path, [MARK]: mark, STORM_KEY: 'sk-storm-0123456789abcdef', ERRAND_CONFIG: '/dev/null' };
  const redis = await RedisUnderFire.start(dir, path);
  const proxy = await TcpProxy.start(redis.port);
  const effectsFile = join(dir, 'effects');
  const provider = await CountingProcess.start<CallTally>('simulator', env);
  const serviceEnv = { ...env, [EFFECTS_FILE]: effectsFile };
  const sessions = await CountingProcess.start<string[]>('sessions', serviceEnv);
  const web = await CountingProcess.start<string[]>('mcp-web', serviceEnv);
  const settingsThrough = (port: number) => settingsOf(port, provider.url);
  const mcp = mcpSettings(web.url, { [EFFECTS_FILE]: effectsFile, [MARK]: mark });
  const workers = await WorkerPool.start(SLOTS, {
    env: { ...env, STORM_SESSIONS: sessions.url },
    logFile: join(dir, 'workers.log'),
    settings: (slot, name) => ({
      ...settingsThrough(slot % 2 === 0 ? redis.port : proxy.port),
      mcp,
      worker: workerSettings(name, workspaceRoot),
    }),
  });
  const producer = composeProducer(loadConfig(env, settingsThrough(redis.port)), secretsIn({}));
  const abandon = () => {
    for (const part of [workers, provider, sessions, web, redis]) part.abandon();
  };
  process.once('exit', abandon);
  const close = async ({ isKept }: { isKept: boolean }) => {
    process.off('exit', abandon);
    await producer.close();
    await workers.drain();
    await provider.close();
    for (const service of [sessions, web]) await service.close();
    await proxy.close();
    await redis.close();
    if (!isKept) await rm(dir, { recursive: true, force: true });
  };
  return {
    mark,
    dir,
    workspaceRoot,
    redis,
    proxy,
    provider,
    services: [sessions, web],
    effectsFile,
    workers,
    producer,
    close,
  };
}

function settingsOf(redisPort: number, url: string): Record<string, unknown> {
  const { responses, messages, chat, keyless } = PROVIDERS;
  const timeouts = { headers_ms: 1_000, first_token_ms: 1_000, idle_ms: 1_000 };
  const provider = { credential: 'env:STORM_KEY', default_model: 'storm-1', timeouts };
  return {
    redis_url: `redis://127.0.0.1:${redisPort}`,
    prefix: PREFIX,
    providers: {
      [responses]: { ...provider, wire: 'responses', base_url: `${url}/v1` },
      [messages]: { ...provider, wire: 'messages', base_url: url },
      [chat]: { ...provider, wire: 'chat', base_url: `${url}/v1` },
      [keyless]: { ...provider, wire: 'chat', base_url: `${url}/v1`, credential: 'env:KEY_NOBODY_HAS' },
    },
    // A fault that is directed once must not end a task, however often the storm interrupts it besides.
    tasks: { tries: 20, backoff_ms: 50 },
  };
}

/** One server over stdio, of which each attempt starts its own, and one over HTTP. */
function mcpSettings(url: string, env: Record<string, string>): Record<string, unknown> {
  const command = [process.execPath, join(import.meta.dirname, 'processes/mcp-pipe.ts')];
  return { max_processes: MCP_PROCESSES, pipe: { command, env }, web: { url } };
}

function workerSettings(name: string, workspaceRoot: string): Record<string, unknown> {
  return {
    name,
    concurrency: CONCURRENCY,
    lock_duration_ms: LOCK_MS,
    drain_grace_ms: 1_000,
    health_host: '127.0.0.1',
    health_port: 0,
    workspace_root: workspaceRoot,
    log_level: 'warn',
  };
}
