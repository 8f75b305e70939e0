import { expect, test } from 'vitest';
import { Redactor, Secret } from '../../src/base/secret.ts';
import { ErrandError } from '../../src/errors.ts';
import { errorOf, failureOf } from '../../src/worker/classify.ts';
import { openRedis } from '../helpers/redis.ts';

test('a failure keeps nothing of what a provider says that a terminal would applyVerdict', () => {
  const cause = new Error('\u001b[2Jcleared\u0007');
  const error = new ErrandError('PROVIDER_FAILED', '\u001b]0;mine\u0007500:\r\n\tbroken\u009b', { cause });
  expect(failureOf(error, new Redactor())).toMatchObject({ message: ']0;mine500:\n\tbroken', causes: ['[2Jcleared'] });
});

test('a secret is found in a failure although a control character splits it', () => {
  const redactor = new Redactor();
  redactor.watch(new Secret('sk-planted-0123456789'));
  const { message } = failureOf(new ErrandError('PROVIDER_FAILED', 'no sk-planted\u0007-0123456789'), redactor);
  expect(message).toBe('no [secret]');
});

test('a script that Redis cut off is a fault of Redis, a wrong command is not', async () => {
  const redis = openRedis();
  const answering = (text: string) => redis.eval('return redis.error_reply(ARGV[1])', 0, text).catch((error) => error);
  const { signal } = new AbortController();
  const cut = await answering('ERR Script attempted to access a non local key in a cluster node');
  expect(errorOf(cut, signal).code).toBe('REDIS_UNAVAILABLE');
  expect(errorOf(await answering('WRONGTYPE Operation against a key'), signal).code).toBe('INTERNAL');
  expect(errorOf(new Error('connect ECONNREFUSED 127.0.0.1:80'), signal).code).toBe('INTERNAL');
});
