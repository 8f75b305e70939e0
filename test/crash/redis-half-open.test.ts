import { expect, onTestFinished, test } from 'vitest';
import { redisUrl } from '../helpers/redis.ts';
import { aWorkerInTrouble, expectAllWell, redisLines, untilReadinessIs } from '../helpers/worker-in-trouble.ts';
import { TcpProxy } from '../storm/tcp-proxy.ts';

test('a half-open connection is noticed, given up and replaced', async () => {
  const { port } = new URL(redisUrl());
  const proxy = await TcpProxy.start(Number(port));
  onTestFinished(() => proxy.close());
  const url = `redis://127.0.0.1:${proxy.port}`;
  const trouble = await aWorkerInTrouble(url);
  onTestFinished(() => proxy.cut()); // those that look on are behind the proxy as well
  proxy.blackHole(true);
  await untilReadinessIs(trouble.worker, /^503 Redis is unavailable: no answer$/);
  await expect(trouble.producer.status(trouble.batchId)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  proxy.blackHole(false);
  await untilReadinessIs(trouble.worker, /^200 ready$/, 20_000);
  await expectAllWell(trouble, redisUrl());
  expect(redisLines(trouble)).toEqual(['away no answer', 'ok']);
});
