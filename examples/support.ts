import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, processEnvironment } from '../src/app/config.ts';
import { startEmbeddedRedis } from '../src/app/embedded-redis/embedded-redis.ts';
import type { CreateProducerOptions } from '../src/entries/producer.ts';
import { type Simulator, startSimulator } from '../src/entries/simulator.ts';
import { createWorker } from '../src/entries/worker.ts';

/** What an example needs. Pass `options` to `createProducer`; call `close` at the end. */
export type Demo = { options: CreateProducerOptions; simulator: Simulator; close: () => Promise<void> };

/**
 * Starts what an example needs, without any key: the simulator instead of the providers, a worker, and a Redis unless
 * `REDIS_URL` names one. `more`: further settings.
 */
export async function startDemo(more: Record<string, unknown> = {}): Promise<Demo> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-example-'));
  const redis = await findRedis(dir);
  const simulator = await startSimulator();
  const settings = {
    providers: {
      openai: { wire: 'responses', base_url: `${simulator.url}/v1`, credential: 'none', default_model: 'gpt-5.6-sol' },
      anthropic: { wire: 'messages', base_url: simulator.url, credential: 'none', default_model: 'claude-opus-5-5' },
    },
    worker: { health_host: '127.0.0.1', health_port: 0, log_level: 'silent', workspace_root: join(dir, 'workspaces') },
    ...more,
  };
  const options = { ...(redis.url !== undefined && { redis: redis.url }), settings };
  const worker = await createWorker(options);
  const close = async () => {
    await worker.drain();
    await simulator.close();
    await redis.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { options, simulator, close };
}

async function findRedis(dir: string): Promise<{ url?: string; close: () => Promise<void> }> {
  if (loadConfig().redis) return { close: async () => undefined };
  const path = processEnvironment().PATH ?? '';
  return startEmbeddedRedis({ dir, path, isRoot: process.getuid?.() === 0, log: console.error });
}
