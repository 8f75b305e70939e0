import { expect, test } from 'vitest';
import { errorOf } from '../../src/worker/classify.ts';
import { openRedis } from '../helpers/redis.ts';

test('a script that Redis cut off is a fault of Redis, a wrong command is not', async () => {
  const redis = openRedis();
  const answering = (text: string) => redis.eval('return redis.error_reply(ARGV[1])', 0, text).catch((error) => error);
  const { signal } = new AbortController();
  const cut = await answering('ERR Script attempted to access a non local key in a cluster node');
  expect(errorOf(cut, signal).code).toBe('REDIS_UNAVAILABLE');
  expect(errorOf(await answering('WRONGTYPE Operation against a key'), signal).code).toBe('INTERNAL');
  expect(errorOf(new Error('connect ECONNREFUSED 127.0.0.1:80'), signal).code).toBe('INTERNAL');
});
