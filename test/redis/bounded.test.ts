import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MAX_COMMAND_BYTES } from '../../src/redis/bounded.ts';
import { closeRedis, openFailFastRedis, openRetryingRedis } from '../../src/redis/connection.ts';
import { lua } from '../../src/redis/lua.ts';
import { nothing } from '../../src/redis/replies.ts';
import { defineScript } from '../../src/redis/script.ts';
import { freshPrefix, targetAt } from '../helpers/redis.ts';

const TOO_LARGE = { code: 'INTERNAL', message: expect.stringMatching(/of \d+ bytes was not sent to Redis/) };

const CLIENTS: [string, () => Redis][] = [
  ['patient', () => openRetryingRedis({ target: targetAt(), onError: () => undefined })],
  ['hasty', () => openFailFastRedis({ target: targetAt(), onError: () => undefined })],
  ['duplicate', () => openRetryingRedis({ target: targetAt(), onError: () => undefined }).duplicate()],
];

describe.each(CLIENTS)('a %s client', (_, open) => {
  async function opened(): Promise<{ redis: Redis; key: string }> {
    const redis = open();
    onTestFinished(() => closeRedis(redis));
    if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve));
    return { redis, key: `${freshPrefix()}:size` };
  }

  test('sends what is at the limit, and nothing above it', async () => {
    const { redis, key } = await opened();
    const room = MAX_COMMAND_BYTES - Buffer.byteLength(key);
    expect(await redis.set(key, 'x'.repeat(room))).toBe('OK');
    await expect(redis.set(key, 'x'.repeat(room + 1))).rejects.toMatchObject(TOO_LARGE);
    await expect(redis.set(key, Buffer.alloc(room + 1))).rejects.toMatchObject(TOO_LARGE);
    expect(await redis.strlen(key)).toBe(room);
  });

  test('counts bytes, not characters, over all arguments', async () => {
    const { redis, key } = await opened();
    const third = '世'.repeat(MAX_COMMAND_BYTES / 9);
    await expect(redis.hset(key, 'a', third, 'b', third, 'c', `${third}${third}`)).rejects.toMatchObject(TOO_LARGE);
    expect(await redis.hset(key, 'a', third, 'b', third)).toBe(2);
  });

  test('sends no command of a pipeline or transaction with a larger one, and goes on', async () => {
    const { redis, key } = await opened();
    const large = 'x'.repeat(MAX_COMMAND_BYTES);
    for (const gather of [() => redis.pipeline(), () => redis.multi()]) {
      await expect(gather().set(key, 'small').set(key, large).exec()).rejects.toMatchObject(TOO_LARGE);
      expect(await redis.exists(key)).toBe(0);
    }
    expect(await redis.pipeline().set(key, '1').get(key).exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
    ]);
    expect(await redis.multi().set(key, '2').get(key).exec()).toEqual([
      [null, 'OK'],
      [null, '2'],
    ]);
  });

  test('bounds the scripts of the records', async () => {
    const { redis, key } = await opened();
    const write = lua`redis.call('SET', key, text)`;
    const script = defineScript({ name: 'WRITE', keys: ['key'], args: ['text'], lua: write, reply: nothing });
    const set = (text: string) => script.run(redis, { keys: { key }, args: { text } });
    await expect(set('x'.repeat(MAX_COMMAND_BYTES))).rejects.toMatchObject(TOO_LARGE);
    await set('x');
    expect(await redis.get(key)).toBe('x');
  });

  test('bounds the jobs of BullMQ', async () => {
    const { redis } = await opened();
    const queue = new Queue('sizes', { connection: redis, prefix: freshPrefix() });
    onTestFinished(() => queue.close());
    const data = { text: 'x'.repeat(MAX_COMMAND_BYTES) };
    await expect(queue.add('large', data)).rejects.toMatchObject(TOO_LARGE);
    await expect(
      queue.addBulk([
        { name: 'small', data: {} },
        { name: 'large', data },
      ]),
    ).rejects.toMatchObject(TOO_LARGE);
    expect(await queue.count()).toBe(0);
    await queue.addBulk([{ name: 'small', data: {} }]);
    expect(await queue.count()).toBe(1);
  });
});
