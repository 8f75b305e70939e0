import { randomBytes } from 'node:crypto';
import { Command, Redis } from 'ioredis';
import { afterAll, expect, inject, onTestFinished, TestRunner } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { parseRedisAddress } from '../../src/redis/address.ts';
import { clientOptions, type RedisTarget } from '../../src/redis/target.ts';
import { Stored } from '../records/stored.ts';

const SCAN_COUNT = 500;

const atEndOfFile: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const work of atEndOfFile.splice(0).reverse()) await work();
});

/** Does the work after the running test, or after the whole file if it is called outside of a test. */
function afterUse(work: () => Promise<void>): void {
  if (TestRunner.getCurrentTest()) onTestFinished(work);
  else atEndOfFile.push(work);
}

/** The address of the suite's Redis. */
export function redisUrl(): string {
  return inject('redisUrl');
}

/** The Redis of an address without TLS files: the suite's Redis, or another. */
export function targetAt(url: string = redisUrl()): RedisTarget {
  return { address: parseRedisAddress(url), tls: {}, sentinelLogin: {} };
}

/**
 * Opens a client of the suite's Redis, or of another, that is closed after the test (after the file, outside of one).
 */
export function openRedis(at: string | RedisTarget = redisUrl()): Redis {
  return closing(new Redis(clientOptions(typeof at === 'string' ? targetAt(at) : at)));
}

function closing<R extends Redis>(redis: R): R {
  // A lost connection shows in the commands that fail; some tests lose theirs on purpose.
  redis.on('error', () => {});
  afterUse(async () => {
    if (redis.status !== 'end') redis.disconnect();
  });
  return redis;
}

/** Like {@link openRedis}, but sends every script twice and returns the second answer, as after a lost reply. */
export function openResendingRedis(): Redis {
  const redis = openRedis();
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, stream) => {
    if (command.name.startsWith('eval')) {
      const first = new Command(command.name, command.args);
      first.promise.catch(() => undefined); // the second one fails alike
      send(first, stream);
    }
    return send(command, stream);
  };
  return redis;
}

/** A client that notes the names of the commands that it sends. */
export class CountingRedis extends Redis {
  readonly sent: string[] = [];

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    this.sent.push(command.name);
    return super.sendCommand(command, stream);
  }
}

/** Like {@link openRedis}, but notes what it sends. */
export function openCountingRedis(): CountingRedis {
  return closing(new CountingRedis(clientOptions(targetAt())));
}

/** Makes a unique key prefix in one cluster slot. Its keys are deleted when a client is closed. */
export function freshPrefix(): string {
  const prefix = `{t-${randomBytes(8).toString('hex')}}`;
  const url = redisUrl();
  afterUse(() => withRedis(url, (redis) => deleteUnder(redis, prefix)));
  return prefix;
}

/** The keys that index open ledger rows, one for each worker that holds any. */
export async function workersHolding(prefix: string, at: string | RedisTarget = redisUrl()): Promise<string[]> {
  return withRedis(at, (redis) => new Stored(prefix, redis).workersHolding());
}

/** Every key under the prefix, sorted. */
export async function keysOf(prefix: string): Promise<string[]> {
  return withRedis(redisUrl(), async (redis) => {
    const keys: string[] = [];
    for await (const chunk of chunksUnder(redis, prefix)) keys.push(...chunk);
    return keys.sort();
  });
}

/**
 * Fails if a secret is in any key or value under the prefix: plain, URL-encoded, JSON-escaped, in hex, or in base64 at
 * any offset. Resolves to the number of keys it looked into, so that a test can tell a clean store from an empty one.
 */
export async function expectNoSecret(
  secret: Secret | string,
  { prefix, url = redisUrl() }: { prefix: string; url?: string | RedisTarget },
): Promise<number> {
  const needles = formsOf(secret instanceof Secret ? secret.reveal() : secret);
  return withRedis(url, async (redis) => {
    const leaks: string[] = [];
    let keys = 0;
    for await (const chunk of chunksUnder(redis, prefix)) {
      keys += chunk.length;
      const texts = await Promise.all(chunk.map(async (key) => [key, ...(await textsAt(redis, key))].join('\n')));
      texts.forEach((text, at) => {
        for (const [form, needle] of needles) if (text.includes(needle)) leaks.push(`${chunk[at]} (${form})`);
      });
    }
    if (leaks.length > 0) expect.fail(`the secret is in ${[...new Set(leaks)].join(', ')}`);
    return keys;
  });
}

async function withRedis<T>(at: string | RedisTarget, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(clientOptions(typeof at === 'string' ? targetAt(at) : at));
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

function chunksUnder(redis: Redis, prefix: string): AsyncIterable<string[]> {
  return redis.scanStream({ match: `${prefix}*`, count: SCAN_COUNT });
}

async function deleteUnder(redis: Redis, prefix: string): Promise<void> {
  for await (const chunk of chunksUnder(redis, prefix)) if (chunk.length > 0) await redis.unlink(chunk);
}

/** Everything a key holds, as text. A key that is already gone holds nothing. */
async function textsAt(redis: Redis, key: string): Promise<string[]> {
  const type = await redis.type(key);
  switch (type) {
    case 'none':
      return [];
    case 'string':
      return [(await redis.get(key)) ?? ''];
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, '0', '-1');
    case 'hash':
      return Object.entries(await redis.hgetall(key)).flat();
    case 'stream':
      return (await redis.xrange(key, '-', '+')).flatMap(([id, fields]) => [id, ...fields]);
    default:
      throw new Error(`${key} is a ${type}, which expectNoSecret cannot read`);
  }
}

function formsOf(value: string): [string, string][] {
  const bytes = Buffer.from(value);
  const forms: [string, string][] = [
    ['plain', value],
    ['URL-encoded', encodeURIComponent(value)],
    ['JSON-escaped', JSON.stringify(value).slice(1, -1)],
    ['hex', bytes.toString('hex')],
  ];
  for (const offset of [0, 1, 2]) {
    forms.push(['base64', base64Inside(bytes, offset, 'base64')]);
    forms.push(['base64url', base64Inside(bytes, offset, 'base64url')]);
  }
  return forms;
}

/** The characters that these bytes always give when `offset` other bytes come before them and any others after. */
function base64Inside(bytes: Buffer, offset: number, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(encoding);
  const whole = Math.floor(((offset + bytes.length) * 8) / 6);
  return text.slice(Math.ceil((offset * 8) / 6), whole);
}

/** Reads what is stored under one prefix, in the suite's Redis or in the one of this client. */
export function storedIn(prefix: string, redis: Redis = openRedis()): Stored {
  return new Stored(prefix, redis);
}
