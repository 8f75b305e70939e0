import { expect, test } from 'vitest';
import { startRedisServer } from '../helpers/redis-server.ts';
import { aWorkerInTrouble, expectAllWell, redisLines, untilReadinessIs } from '../helpers/worker-in-trouble.ts';

test('after kill -9 and a restart from the append-only file everything continues', async () => {
  const redis = await startRedisServer();
  const trouble = await aWorkerInTrouble(redis.url);
  await redis.kill();
  await untilReadinessIs(trouble.worker, /^503 Redis is unavailable: .*ECONNREFUSED/);
  await redis.start();
  await expectAllWell(trouble, redis.url);
  // The line is written at the first look, which may come before the first attempt to connect again.
  expect(redisLines(trouble)).toEqual([
    expect.stringMatching(/^away (the connection was lost|.*ECONNREFUSED.*)$/),
    'ok',
  ]);
});

test('a Redis that pauses for less than the lock costs nothing', async () => {
  const redis = await startRedisServer();
  const trouble = await aWorkerInTrouble(redis.url);
  redis.signal('SIGSTOP');
  await untilReadinessIs(trouble.worker, /^503 Redis is unavailable: no answer$/);
  redis.signal('SIGCONT');
  await expectAllWell(trouble, redis.url);
  expect(redisLines(trouble)).toEqual(['away no answer', 'ok']);
});
