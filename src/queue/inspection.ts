import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { assertDatabase, awaitReady, closeRedis, openHastyRedis, unavailable } from './connection.ts';
import { laneOf } from './names.ts';
import type { PatientRedis } from './patient-redis.ts';
import { isRedisFault } from './redis-faults.ts';
import type { RedisTarget } from './redis-target.ts';
import { tlsFaultOf } from './redis-tls.ts';
import { probeKeys, slotRefusalOf } from './slot-refusal.ts';

/** What to look at. */
export type InspectionOptions = { target: RedisTarget; prefix: string; providers: readonly string[]; withinMs: number };

/** A Redis as seen from here; `null` where it does not say. `clockSkewMs` is above 0 where its clock is ahead of ours. */
export type RedisFacts = {
  version: string | null;
  maxmemoryPolicy: string | null;
  isAppendOnly: boolean | null;
  /** Whether its last write to disk succeeded; where one failed it refuses all commands that write. */
  isDiskWell: boolean | null;
  isReplica: boolean | null;
  clockSkewMs: number;
};

/** A lane: its task jobs by state, and how many workers listen; `null` where Redis does not tell its clients. */
export type LaneFacts = {
  provider: string;
  waiting: number;
  active: number;
  isPaused: boolean;
  workers: number | null;
};

/**
 * Looks at a Redis and at the lanes of these providers, and changes nothing.
 *
 * @throws ErrandError `REDIS_UNAVAILABLE`.
 */
export async function inspect(options: InspectionOptions): Promise<{ redis: RedisFacts; lanes: LaneFacts[] }> {
  const redis = openHastyRedis({ target: options.target, onError: () => undefined });
  try {
    await awaitReady(redis, options.withinMs);
    await assertDatabase(redis);
    const facts = await redisFacts(redis);
    const lanes = options.providers.map((provider) => laneFacts(redis, options.prefix, provider));
    return { redis: facts, lanes: await Promise.all(lanes) };
  } catch (error) {
    if (isErrandError(error) || !isRedisFault(error)) throw error;
    throw unavailable(redis, error);
  } finally {
    closeRedis(redis);
  }
}

/** The oldest Redis whose blocking commands and scripts are what BullMQ and the records build on. */
const OLDEST_MAJOR = 7;

/**
 * Refuses a Redis that would lose records: it evicts keys, is too old, lacks the requested database, or is a node of a
 * cluster that does not hold our keys. A setting that Redis does not report passes.
 *
 * @throws ErrandError `REDIS_UNSUITABLE`, saying what to set, or `REDIS_UNAVAILABLE` where it does not let us in.
 */
export async function assertSuitable(redis: PatientRedis, prefix: string): Promise<void> {
  const { version, maxmemoryPolicy } = await unlessTlsFails(redis, redisFacts(redis)).catch((error: unknown) => {
    throw isRedisFault(error) ? unavailable(redis, error) : error;
  });
  await assertDatabase(redis);
  await assertSlot(redis, prefix);
  if (version !== null && Number.parseInt(version, 10) < OLDEST_MAJOR) {
    throw new ErrandError(
      'REDIS_UNSUITABLE',
      `Redis ${version} is too old: version ${OLDEST_MAJOR} or newer is needed`,
    );
  }
  if (maxmemoryPolicy !== null && maxmemoryPolicy !== 'noeviction') {
    const message = `Redis evicts keys (maxmemory-policy ${maxmemoryPolicy}): set it to noeviction`;
    throw new ErrandError('REDIS_UNSUITABLE', message);
  }
}

/** Rejects if TLS fails before the answer: unlike a server that is away, that ends only with another setting. */
async function unlessTlsFails<T>(redis: Redis, answering: Promise<T>): Promise<T> {
  const failed = Promise.withResolvers<never>();
  const listen = (error: unknown) => tlsFaultOf(error) && failed.reject(error);
  redis.on('error', listen);
  answering.catch(() => undefined); // it rejects after the client was closed
  return Promise.race([answering, failed.promise]).finally(() => redis.off('error', listen));
}

/**
 * Refuses a node of a cluster if another node holds our keys. Accepts a temporary state, such as a cluster that is down.
 * @throws ErrandError `REDIS_UNSUITABLE`, naming the node.
 */
export async function assertSlot(redis: PatientRedis, prefix: string): Promise<void> {
  await redis.sendOnce('exists', probeKeys(prefix)).catch((error: unknown) => {
    if (slotRefusalOf(messageOf(error))?.status === 'elsewhere') throw unavailable(redis, error);
  });
}

async function redisFacts(redis: Redis): Promise<RedisFacts> {
  const info = await redis.info();
  const askedAt = Date.now();
  const [seconds, microseconds] = await redis.time();
  const halfway = (askedAt + Date.now()) / 2;
  const append = field(info, 'aof_enabled');
  const role = field(info, 'role');
  const writes = [field(info, 'aof_last_write_status'), field(info, 'rdb_last_bgsave_status')];
  return {
    version: field(info, 'valkey_version') ?? field(info, 'redis_version'),
    maxmemoryPolicy: field(info, 'maxmemory_policy'),
    isAppendOnly: append === null ? null : append === '1',
    isDiskWell: writes.includes(null) ? null : writes.every((status) => status === 'ok'),
    isReplica: role === null ? null : role !== 'master',
    clockSkewMs: Math.round(Number(seconds) * 1000 + Number(microseconds) / 1000 - halfway),
  };
}

function field(info: string, name: string): string | null {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
}

async function laneFacts(redis: Redis, prefix: string, provider: string): Promise<LaneFacts> {
  // BullMQ would warn of what the findings say better, once for each lane.
  const quiet = { skipMetasUpdate: true, skipVersionCheck: true };
  const queue = new Queue(laneOf(provider), { connection: redis, prefix, ...quiet });
  queue.on('error', () => undefined); // the commands themselves report what goes wrong
  const { active = 0, ...others } = await queue.getJobCounts('wait', 'prioritized', 'delayed', 'active');
  const waiting = Object.values(others).reduce((sum, count) => sum + count, 0);
  return { provider, waiting, active, isPaused: await queue.isPaused(), workers: await workersOf(queue) };
}

/** Hosted services may forbid the list of clients; BullMQ then invents a client, which has no name of its own. */
async function workersOf(queue: Queue): Promise<number | null> {
  try {
    const clients = await queue.getWorkers();
    return clients.every((client) => client.rawname !== undefined) ? clients.length : null;
  } catch (error) {
    if (isRedisFault(error)) throw error;
    return null;
  }
}
