import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';

test('no worker starts on a Redis that may evict what is on record', async () => {
  const { url } = await startRedisServer();
  await openRedis(url).config('SET', 'maxmemory-policy', 'allkeys-lru');
  const { startWorker } = await aDeployment({ settings: { redis_url: url } });
  await expect(startWorker()).rejects.toMatchObject({
    code: 'REDIS_UNSUITABLE',
    message: expect.stringContaining('noeviction'),
  });
});
