import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { composeProducer } from '../../src/app/compose-producer.ts';
import { loadConfig } from '../../src/app/config.ts';
import { secretsIn } from '../../src/credentials/secrets.ts';
import { closeRedis, openRetryingRedis, unavailable } from '../../src/redis/connection.ts';
import { isRedisFault, refusalOf } from '../../src/redis/faults.ts';
import { aFolder, start } from '../app/run-cli.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { freshPrefix, targetAt } from '../helpers/redis.ts';
import { type RedisCluster, startRedisCluster } from '../helpers/redis-cluster.ts';
import { aWorkerInTrouble, expectAllWell, redisLines, untilReadinessIs } from '../helpers/worker-in-trouble.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.close());

/** A prefix, its slot, the node that holds the slot, and another node. */
async function aPlace() {
  const prefix = freshPrefix();
  return { prefix, slot: await cluster.slotOf(prefix), ...(await cluster.nodesFor(prefix)) };
}

function wrongNode(asked: string, holder: string) {
  return {
    code: 'REDIS_UNSUITABLE',
    message: `Redis at ${asked} does not hold our keys: MOVED: ${holder} of the Redis Cluster holds the slot of our keys`,
    remedy: `Point REDIS_URL at ${holder}, or at a name that follows the slot.`,
  };
}

describe('at a node of a cluster that does not hold our keys', () => {
  test('worker, board and producer refuse and name the right node', async () => {
    const { prefix, holder, other } = await aPlace();
    const deployment = await aDeployment({ settings: { redis_url: other.url }, prefix });
    const refused = wrongNode(other.address, holder.address);
    await expect(deployment.startWorker()).rejects.toMatchObject(refused);
    expect(redisLines(deployment)).toEqual([]);
    await expect(deployment.startBoard()).rejects.toMatchObject(refused);
    const enqueueing = deployment.producer.enqueue({ tasks: [{ goal: 'Lost?', provider: 'local' }] });
    await expect(enqueueing).rejects.toMatchObject({ ...refused, message: expect.stringContaining(refused.message) });
  });

  test('the commands exit with 2, and doctor reports a finding', async () => {
    const { prefix, holder, other } = await aPlace();
    const env = { REDIS_URL: other.url, ERRAND_PREFIX: prefix };
    const folder = aFolder();
    const run = (...args: string[]) => start(args, folder, env).ended;
    const [doctor, leaks] = await Promise.all([run('doctor', '--json'), run('leaks')]);
    const { message, remedy } = wrongNode(other.address, holder.address);
    expect(doctor).toMatchObject({ code: 2, err: '' });
    expect(JSON.parse(doctor.out).findings).toContainEqual({ check: 'redis keys', status: 'fault', message, remedy });
    expect(leaks).toMatchObject({ code: 2, err: expect.stringContaining(`REDIS_UNSUITABLE: ${message}\n  ${remedy}`) });
  });
});

test('a slot that moves and comes back: unready, one log line a change, no task lost', async () => {
  const { prefix, slot, holder, other } = await aPlace();
  const trouble = await aWorkerInTrouble(holder.url, { prefix });
  await cluster.startMove(slot, holder, other);
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: (ASK|TRYAGAIN): the slot of our keys is moving/);
  await expect(trouble.producer.enqueue({ tasks: [{ goal: 'Early', provider: 'local' }] })).rejects.toMatchObject({
    code: 'REDIS_UNAVAILABLE',
    remedy: `Wait until the move has ended. Then point REDIS_URL at ${other.address}.`,
  });
  await cluster.finishMove(slot, holder, other);
  const moved = `503 Redis refuses commands: MOVED: ${other.address} of the Redis Cluster holds the slot of our keys. Point REDIS_URL at ${other.address}`;
  await untilReadinessIs(trouble.worker, new RegExp(`^${moved}`));
  await cluster.startMove(slot, other, holder);
  await cluster.finishMove(slot, other, holder);
  await expectAllWell(trouble, holder.url);
  expect(redisLines(trouble)).toEqual([
    expect.stringMatching(/^refusing (ASK|TRYAGAIN): /),
    expect.stringMatching(/^refusing MOVED: /),
    'ok',
  ]);
});

test('a slot that moves for good: a worker at the new node ends the batch', async () => {
  const { prefix, slot, holder, other } = await aPlace();
  const lock = { lock_duration_ms: 1_500 };
  const trouble = await aWorkerInTrouble(holder.url, { prefix, worker: lock });
  await cluster.startMove(slot, holder, other);
  await cluster.finishMove(slot, holder, other);
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: MOVED: /);

  trouble.settings.redis_url = other.url;
  const atNewNode = await trouble.startWorker({ name: 'at-new-node', ...lock });
  const producer = composeProducer(loadConfig(trouble.environment, trouble.settings), secretsIn({}));
  onTestFinished(() => producer.close());
  expect((await producer.settled(trouble.batchId)).counts.succeeded).toBe(6);
  await atNewNode.drain();

  // Late writes of the worker at the old node do no harm.
  trouble.settings.redis_url = holder.url;
  await cluster.startMove(slot, other, holder);
  await cluster.finishMove(slot, other, holder);
  await untilReadinessIs(trouble.worker, /^200 ready$/);
  expect((await trouble.outcomesOf(trouble.batchId)).map(({ status }) => status)).toEqual(Array(6).fill('succeeded'));
});

test('a worker waits while the cluster is down', async () => {
  const { prefix, slot, holder } = await aPlace();
  const trouble = await aWorkerInTrouble(holder.url, { prefix });
  await holder.redis.call('CLUSTER', 'DELSLOTS', slot);
  await untilReadinessIs(trouble.worker, /^503 Redis refuses commands: CLUSTERDOWN: no node .* serves the slot/);
  await holder.redis.call('CLUSTER', 'ADDSLOTS', slot);
  await expectAllWell(trouble, holder.url);
  expect(redisLines(trouble)).toEqual([expect.stringMatching(/^refusing CLUSTERDOWN: /), 'ok']);
});

test('a script whose keys leave while it runs fails and is not sent again', async () => {
  const { prefix, slot, holder, other } = await aPlace();
  await holder.redis.set(`${prefix}:here`, '1');
  await cluster.startMove(slot, holder, other);
  const script = "redis.call('INCR', KEYS[1]) return redis.call('GET', ARGV[1])";
  const error = await holder.redis
    .eval(script, 1, `${prefix}:here`, `${prefix}:gone`)
    .catch((thrown: unknown) => thrown);
  expect(isRedisFault(error)).toBe(true);
  expect(refusalOf(error)).toBeNull();
});

test('a transaction that ends after its slot has moved is rejected and not held', async () => {
  const { prefix, slot, holder, other } = await aPlace();
  const redis = openRetryingRedis({ target: targetAt(holder.url), onError: () => undefined });
  onTestFinished(() => closeRedis(redis));
  await redis.multi({ pipeline: false });
  await redis.set(`${prefix}:key`, '1');
  await cluster.finishMove(slot, holder, other);
  const error = await redis.exec().catch((thrown: unknown) => thrown);
  expect(redis.refusal).toBeNull();
  expect(unavailable(redis, error)).toMatchObject({
    code: 'REDIS_UNSUITABLE',
    remedy: expect.stringContaining(other.address),
  });
});
