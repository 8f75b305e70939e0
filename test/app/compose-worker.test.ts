import { expect, test } from 'vitest';
import { WorkerRecords } from '../../src/records/worker-records.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { givenIn } from '../records/given.ts';

test('no worker starts on a Redis that may evict what is on record', async () => {
  const { url } = await startRedisServer();
  await openRedis(url).config('SET', 'maxmemory-policy', 'allkeys-lru');
  const { startWorker } = await aDeployment({ settings: { redis_url: url } });
  await expect(startWorker()).rejects.toMatchObject({
    code: 'REDIS_UNSUITABLE',
    message: expect.stringContaining('noeviction'),
  });
});

test('no worker starts where it cannot make its workspaces', async () => {
  const { startWorker } = await aDeployment();
  await expect(startWorker({ workspace_root: `${import.meta.filename}/below` })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/^worker\.workspace_root: .*ENOTDIR/),
    remedy: expect.stringContaining('ERRAND_WORKSPACE_ROOT'),
  });
});

test('a worker starts beside one of a newer version, and counts the rows of both', async () => {
  const { startWorker, prefix } = await aDeployment();
  const given = givenIn(prefix);
  await given.identity('newer.1', { version: 2 });
  await given.openRow({ owner: 'newer.1', taskId: 'b-0', id: '1.session' });
  const { health } = await startWorker();
  const metrics = await fetch(`${health.url}/metrics`);
  expect(metrics.status).toBe(200);
  expect(await metrics.text()).toMatch(/^errand_ledger_open_rows 1$/m);
  await given.noOpenRows('newer.1');
});

test('a worker tells on record which seat it has and how long its locks last', async () => {
  const { startWorker, prefix } = await aDeployment();
  await startWorker({ seat: 'worker', lock_duration_ms: 90_000 });
  const onRecord = await new WorkerRecords(openRedis(), prefix).list();
  expect(onRecord).toMatchObject([{ identity: { seat: 'worker', lock_duration_ms: 90_000 } }]);
});

test('a worker that starts warns of its providers at plain http beyond this machine', async () => {
  const { startWorker, settings, logs } = await aDeployment();
  const plain = { wire: 'chat', base_url: 'http://vllm.svc:8000/v1', credential: 'none' };
  const meant = { ...plain, allow_plain_http: true };
  Object.assign(settings.providers as object, { plain, meant, elsewhere: plain });
  await startWorker({ only: ['plain', 'meant', 'local'] });
  const warnings = logs
    .join('')
    .split('\n')
    .filter((line) => line.includes('plain http'));
  expect(warnings.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 40, provider: 'plain', remedy: expect.stringContaining('providers.plain.allow_plain_http: true') },
  ]);
});
