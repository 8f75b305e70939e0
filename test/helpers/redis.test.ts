import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { expectNoSecret, freshPrefix, keysOf, openRedis } from './redis.ts';

const secret = 'sk-planted/+=?&"value';

describe('expectNoSecret', () => {
  const places: Record<string, (key: string, text: string) => Promise<unknown>> = {
    'a key': (key, text) => openRedis().set(`${key}:${text}`, ''),
    'a string': (key, text) => openRedis().set(key, text),
    'a list': (key, text) => openRedis().rpush(key, 'a', text),
    'a set': (key, text) => openRedis().sadd(key, 'a', text),
    'a sorted set': (key, text) => openRedis().zadd(key, 1, text),
    'a hash field': (key, text) => openRedis().hset(key, text, 'a'),
    'a hash value': (key, text) => openRedis().hset(key, 'a', text),
    'a stream': (key, text) => openRedis().xadd(key, '*', 'a', text),
  };
  test.each(Object.entries(places))('finds the secret in %s', async (_place, put) => {
    const prefix = freshPrefix();
    await put(`${prefix}:k`, `before ${secret} after`);
    await expect(expectNoSecret(new Secret(secret), { prefix })).rejects.toThrow(`the secret is in ${prefix}:k`);
  });

  const base64 = (text: string) => Buffer.from(text).toString('base64');
  test.each([
    ['URL-encoded', encodeURIComponent(secret)],
    ['JSON-escaped', JSON.stringify({ header: secret })],
    ['hex', Buffer.from(secret).toString('hex')],
    ['base64', base64(secret)],
    ['base64 at an offset of one', base64(`:${secret}:`)],
    ['base64 at an offset of two', base64(`ab${secret}!`)],
    ['base64url', Buffer.from(`user:${secret}`).toString('base64url')],
  ])('finds the secret %s', async (_form, text) => {
    const prefix = freshPrefix();
    await openRedis().set(`${prefix}:k`, `before ${text} after`);
    await expect(expectNoSecret(secret, { prefix })).rejects.toThrow(`${prefix}:k`);
  });

  test('passes over clean keys and other prefixes, and counts what it saw', async () => {
    const prefix = freshPrefix();
    await openRedis().mset(`${prefix}:a`, 'sk-planted', `${prefix}:b`, '[secret]', `${freshPrefix()}:c`, secret);
    expect(await expectNoSecret(secret, { prefix })).toBe(2);
  });
});

describe('freshPrefix', () => {
  let used = '';

  test('gives a prefix that nothing is under', async () => {
    used = freshPrefix();
    expect(await keysOf(used)).toEqual([]);
    await openRedis().mset(`${used}:a`, '1', `${used}:b`, '2');
    expect(await keysOf(used)).toEqual([`${used}:a`, `${used}:b`]);
  });

  test('deletes what the test before left under its prefix', async () => {
    expect(await keysOf(used)).toEqual([]);
  });
});
