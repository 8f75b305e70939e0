import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/app/embedded-redis/embedded-redis.ts';
import { sleep } from '../../src/base/clock.ts';
import { newBatchId } from '../../src/base/ids.ts';
import { ErrandError } from '../../src/errors.ts';
import type { Producer } from '../../src/producer/producer.ts';
import { openRedis, redisUrl, targetAt } from '../helpers/redis.ts';
import { openWay } from '../helpers/way-to-redis.ts';
import { openProducer, optionsOf, tasksOf } from './open-producer.ts';

const PASSWORD = 'p4ss-w0rd-of-redis';

/** A Redis of this test alone. */
async function startRedis(): Promise<EmbeddedRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-away-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const redis = await startEmbeddedRedis({ dir, path: inject('path'), isRoot: false });
  onTestFinished(redis.close);
  return redis;
}

function everyCall(producer: Producer, batchId: string): Record<string, Promise<unknown>> {
  return {
    'enqueue a few': producer.enqueue({ tasks: tasksOf(2) }),
    'enqueue many': producer.enqueue({ tasks: tasksOf(1_500) }),
    status: producer.status(batchId),
    outcomes: producer.outcomes(batchId).next(),
    settled: producer.settled(batchId),
    onEvent: producer.onEvent(batchId, () => undefined),
    cancel: producer.cancel(batchId, 'why'),
  };
}

/** Makes every call and returns their errors; a call that takes longer fails the test. */
async function errorsOf(producer: Producer, batchId: string, withinMs: number): Promise<ErrandError[]> {
  const ends = Object.entries(everyCall(producer, batchId)).map(async ([call, result]) => {
    const end = await Promise.race([
      result.then(
        () => 'succeeded',
        (error: unknown) => error,
      ),
      sleep(withinMs).then(() => 'goes on'),
    ]);
    return end instanceof ErrandError ? end : expect.fail(`${call}: ${end}`);
  });
  return Promise.all(ends);
}

test('while Redis is away every call fails within seconds; later the producer works', async () => {
  const way = await openWay(redisUrl());
  const options = optionsOf({ connectWithinMs: 1_000 });
  const errors: Error[] = [];
  const producer = openProducer({ ...options, redis: targetAt(way.url), onError: (error) => errors.push(error) });
  const { batch_id: batchId } = await producer.enqueue({ tasks: tasksOf(2) });
  await way.cut();
  for (const error of await errorsOf(producer, batchId, 3_000)) {
    expect(error.code).toBe('REDIS_UNAVAILABLE');
    expect(error.message).toContain(`127.0.0.1:${way.port}`);
  }
  expect(errors.length).toBeGreaterThan(0);

  await way.mend();
  expect(await producer.status(batchId)).toMatchObject({ status: 'running', total: 2 });
  expect(await producer.enqueue({ tasks: tasksOf(1_001) })).toMatchObject({ total: 1_001 });
});

test('a producer that was opened before Redis was there works once it is', async () => {
  const way = await openWay(redisUrl());
  await way.cut();
  const producer = openProducer(optionsOf({ redis: targetAt(way.url) }));
  const enqueueing = producer.enqueue({ tasks: tasksOf(2) });
  await way.mend();
  expect(await enqueueing).toMatchObject({ total: 2 });
});

describe('a Redis that refuses the password', () => {
  async function refused() {
    const redis = await startRedis();
    await openRedis(redis.url).config('SET', 'requirepass', 'another');
    const { port } = new URL(redis.url);
    const heard: Error[] = [];
    const onError = (error: Error) => heard.push(error);
    const producer = openProducer(
      optionsOf({ redis: targetAt(`redis://:${PASSWORD}@127.0.0.1:${port}`), onError, connectWithinMs: 500 }),
    );
    return { port, errors: await errorsOf(producer, newBatchId(), 5_000), heard };
  }

  test('is unavailable, for the reason it gives', async () => {
    const { port, errors } = await refused();
    for (const error of errors) {
      expect(error.code).toBe('REDIS_UNAVAILABLE');
      expect(error.message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port} .* .*\\(WRONGPASS\\)`));
      expect(error.message).not.toContain(PASSWORD);
    }
  });

  test('shows the password in no error, however deep one looks', async () => {
    const { errors, heard } = await refused();
    expect(heard.length).toBeGreaterThan(0);
    expect(inspect([errors, heard], { depth: 9, showHidden: true })).not.toContain(PASSWORD);
  });
});

test('while Redis is frozen every call times out; later the producer works', async () => {
  const redis = await startRedis();
  const producer = openProducer(optionsOf({ redis: targetAt(redis.url) }));
  const { batch_id: batchId } = await producer.enqueue({ tasks: tasksOf(2) });
  await (await producer.onEvent(batchId, () => undefined))();
  const other = openRedis(redis.url);
  process.kill(redis.pid, 'SIGSTOP');
  try {
    for (const error of await errorsOf(producer, batchId, 9_000)) expect(error.code).toBe('REDIS_UNAVAILABLE');
  } finally {
    process.kill(redis.pid, 'SIGCONT');
  }
  expect(await producer.status(batchId)).toMatchObject({ status: 'running', total: 2 });
  // Whoever gave up listening is not listened for when Redis answers at last.
  await expect.poll(() => other.pubsub('CHANNELS')).toEqual([]);
});
