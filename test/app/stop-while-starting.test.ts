import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/entries/simulator.ts';
import { freshPrefix, openRedis, redisUrl } from '../helpers/redis.ts';
import { TcpProxy } from '../storm/tcp-proxy.ts';
import { aFolder, start } from './run-cli.ts';

/** Enough to send a signal between the first task and the end of the start, which takes some answers more. */
const SLOW_MS = 50;

test('SIGTERM while a worker begins to take tasks: it drains and keeps no task', async () => {
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const proxy = await TcpProxy.start(Number(new URL(redisUrl()).port));
  onTestFinished(() => proxy.close());
  proxy.slow(SLOW_MS);
  const openai = { wire: 'responses', base_url: `${simulator.url}/v1`, credential: 'none', default_model: 'm' };
  const folder = aFolder({
    'batch.json': JSON.stringify(Array(20).fill({ goal: 'hang [[sim: hang=stream]]', provider: 'openai' })),
    'errand.config.yaml': JSON.stringify({ providers: { openai }, worker: { health_port: 0, drain_grace_ms: 0 } }),
  });
  const prefix = freshPrefix();
  const env = { ERRAND_PREFIX: prefix, ERRAND_WORKSPACE_ROOT: `${folder}/workspaces` };
  await start(['enqueue', 'batch.json'], folder, { ...env, REDIS_URL: redisUrl() }).ended;

  const redis = openRedis();
  const running = () => redis.llen(`${prefix}:tasks-openai:active`);
  const worker = start(['worker'], folder, { ...env, REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
  while ((await running()) === 0) await setImmediate();
  worker.process.kill('SIGTERM');
  const { code, out } = await worker.ended;
  expect([code, out]).toEqual([0, expect.stringContaining('"drained"')]);
  expect(await running()).toBe(0);
  expect(await redis.keys(`${prefix}*:lock`)).toEqual([]);
});
