import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { sleep } from '../../src/base/clock.ts';
import { openRedis } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { aWorkerInTrouble, expectAllWell, redisLines, untilReadinessIs } from '../helpers/worker-in-trouble.ts';

const execute = promisify(execFile);

test('a Redis that is BUSY with a script is waited for: nothing is lost or done twice', async () => {
  const { url } = await startRedisServer();
  const trouble = await aWorkerInTrouble(url);
  const operator = openRedis(url);
  await operator.config('SET', 'busy-reply-threshold', '50');
  const looping = openRedis(url)
    .eval('while true do end', 0)
    .catch((error: Error) => error.message);
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: BUSY /);
  await operator.call('SCRIPT', 'KILL');
  expect(await looping).toContain('killed by user');
  await expectAllWell(trouble, url);
  expect(redisLines(trouble)).toEqual([expect.stringMatching(/^refusing BUSY /), 'ok']);
});

test('a Redis that became a replica is waited for, on new connections', async () => {
  const { url } = await startRedisServer();
  const trouble = await aWorkerInTrouble(url);
  const operator = openRedis(url);
  const connectionsBefore = Number(/total_connections_received:(\d+)/.exec(await operator.info('stats'))?.[1]);
  await operator.replicaof('127.0.0.1', 1);
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: READONLY /);
  await operator.replicaof('NO', 'ONE');
  await expectAllWell(trouble, url);
  const connections = Number(/total_connections_received:(\d+)/.exec(await operator.info('stats'))?.[1]);
  expect(connections).toBeGreaterThan(connectionsBefore);
  expect(redisLines(trouble)).toEqual([expect.stringMatching(/^refusing READONLY /), 'ok']);
});

test('a Redis that is out of memory is waited for, and a producer hears of it at once', async () => {
  const { url } = await startRedisServer();
  const trouble = await aWorkerInTrouble(url);
  const operator = openRedis(url);
  await operator.config('SET', 'maxmemory', '1');
  const enqueueing = trouble.producer.enqueue({ tasks: [{ goal: 'Too much', provider: 'local' }] });
  await expect(enqueueing).rejects.toMatchObject({
    code: 'REDIS_FULL',
    message: expect.stringMatching(/memory of Redis is full.*OOM/),
    remedy: expect.stringContaining('maxmemory'),
  });
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: OOM /);
  await operator.config('SET', 'maxmemory', '0');
  await expectAllWell(trouble, url);
  expect(redisLines(trouble)).toEqual([expect.stringMatching(/^refusing OOM /), 'ok']);
});

test('a Redis whose disk is full is waited for, without a storm of commands', async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-disk-'));
  const isMounted = await execute('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dir]).then(
    () => true,
    () => false,
  );
  onTestFinished(async () => {
    if (isMounted) await execute('umount', [dir]);
    await rm(dir, { recursive: true, force: true });
  });
  context.skip(!isMounted, 'a small disk can be mounted by root only');
  const { url } = await startRedisServer(dir);
  const trouble = await aWorkerInTrouble(url);
  const operator = openRedis(url);
  const filler = join(dir, 'filler');
  await writeFile(filler, Buffer.alloc(8 << 20)).catch((error: Error) => expect(error.message).toContain('ENOSPC'));
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: MISCONF .*No space left/);
  const before = await errorsOf(operator);
  await sleep(1_500); // how many commands come in a time is what is tested
  expect((await errorsOf(operator)) - before).toBeLessThan(200);
  await rm(filler);
  await expectAllWell(trouble, url);
  expect(redisLines(trouble)).toEqual([expect.stringMatching(/^refusing MISCONF /), 'ok']);
});

async function errorsOf(operator: ReturnType<typeof openRedis>): Promise<number> {
  return Number(/total_error_replies:(\d+)/.exec(await operator.info('stats'))?.[1]);
}
