import { Queue } from 'bullmq';
import { withinTime } from '../base/within-time.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import type { BoundedRedis } from '../redis/bounded.ts';
import { connectFaultOf } from '../redis/connect-faults.ts';
import type { Redis } from '../redis/connection.ts';
import { awaitReady, closeRedis, openFailFastRedis, unavailable } from '../redis/connection.ts';
import { clockSkewMs, type RedisFacts, redisFacts } from '../redis/facts.ts';
import { isRedisFault } from '../redis/faults.ts';
import { assertRights, missingRights } from '../redis/missing-rights.ts';
import { isDenial } from '../redis/refusal.ts';
import type { RetryingRedis } from '../redis/retrying.ts';
import { REDIS_ROLES, type RedisRole } from '../redis/rights.ts';
import { probeKeys, slotRefusalOf } from '../redis/slot-refusal.ts';
import type { RedisTarget } from '../redis/target.ts';
import { type LaneCounts, laneCounts } from './lane-counts.ts';
import { laneOf } from './names.ts';

/** What to inspect: a Redis, and the lanes of providers. */
export type InspectionOptions = { target: RedisTarget; prefix: string; providers: readonly string[]; withinMs: number };

/** The result of one look. Looks are independent: a look that fails does not end the others. */
export type Looked<T> = { status: 'seen'; value: T } | { status: 'failed'; error: ErrandError };

/** The findings about a Redis that answers. */
export type Inspection = {
  facts: Looked<RedisFacts>;
  clockSkewMs: Looked<number>;
  /** Whether it has the database of its address, and holds our keys. */
  place: Looked<void>;
  /** The rights of each role that the user lacks; `null` if Redis does not report them. */
  rights: Looked<RightsFacts>;
  lanes: { provider: string; looked: Looked<LaneFacts> }[];
};

/** The user of the connection, and the rights of each role that it lacks; `null` if Redis does not report them. */
export type RightsFacts = { user: string; missing: { role: RedisRole; rights: string[] | null }[] };

/** A lane: its task jobs by state, and its number of workers; an error or `null` if Redis does not list its clients. */
export type LaneFacts = LaneCounts & {
  provider: string;
  isPaused: boolean;
  workers: number | ErrandError | null;
};

/**
 * Inspects a Redis and the lanes of these providers, and changes nothing. Each look takes `withinMs` at most.
 *
 * @throws ErrandError `REDIS_UNAVAILABLE` if it cannot be reached.
 */
export async function inspect(options: InspectionOptions): Promise<Inspection> {
  const { target, prefix, withinMs } = options;
  const redis = openFailFastRedis({ target, onError: () => undefined });
  const look = <T>(looking: Promise<T>) => looked(redis, looking, options);
  try {
    await awaitReady(redis, withinMs);
    const [facts, skew, place, rights, lanes] = await Promise.all([
      look(redisFacts(redis)),
      look(clockSkewMs(redis)),
      look(assertPlace(redis, prefix)),
      look(rightsFacts(redis, prefix)),
      Promise.all(
        options.providers.map(async (provider) => ({
          provider,
          looked: await look(laneFacts(redis, prefix, provider)),
        })),
      ),
    ]);
    return { facts, clockSkewMs: skew, place, rights, lanes };
  } finally {
    closeRedis(redis);
  }
}

/**
 * Refuses a Redis that cannot be reached, lacks the database of its address, or does not hold our keys.
 * @throws ErrandError `REDIS_UNAVAILABLE`, `REDIS_UNSUITABLE`, `REDIS_DENIED`.
 */
export async function assertReachable(options: Omit<InspectionOptions, 'providers'>): Promise<void> {
  const { place } = await inspect({ ...options, providers: [] });
  if (place.status === 'failed') throw place.error;
}

/** Waits for one look. An error is its result. */
async function looked<T>(
  redis: Redis,
  looking: Promise<T>,
  { prefix, withinMs }: InspectionOptions,
): Promise<Looked<T>> {
  const late = () => unavailable(redis, new Error(`no answer within ${withinMs / 1000} s`));
  try {
    return { status: 'seen', value: await withinTime(looking, withinMs, late) };
  } catch (error) {
    return { status: 'failed', error: isErrandError(error) ? error : unavailable(redis, error, prefix) };
  }
}

async function rightsFacts(redis: Redis, prefix: string): Promise<RightsFacts> {
  const evaluate = (args: string[]) => redis.call('EVAL', args);
  const missing = REDIS_ROLES.map(async (role) => ({ role, rights: await missingRights(evaluate, role, prefix) }));
  return { user: redis.options.username || 'default', missing: await Promise.all(missing) };
}

async function assertPlace(redis: BoundedRedis, prefix: string): Promise<void> {
  await redis.assertDatabase();
  await redis.exists(...probeKeys(prefix));
}

/** The minimum version of Redis: BullMQ and the records need its blocking commands and scripts. */
const MIN_MAJOR = 7;

/**
 * Refuses a Redis that a worker cannot use: its user lacks a right, it evicts keys, it is too old, it lacks the
 * requested database, or it is a node of a cluster that does not hold our keys. A setting that Redis does not report
 * passes.
 *
 * @throws ErrandError `REDIS_UNSUITABLE`, saying what to set, `REDIS_DENIED`, or `REDIS_UNAVAILABLE` if the login
 * fails.
 */
export async function assertSuitable(redis: RetryingRedis, prefix: string): Promise<void> {
  const looking = assertRights(redis, 'worker', prefix).then(() => redisFacts(redis));
  const { version, maxmemoryPolicy } = await unlessRefused(redis, looking).catch((error: unknown) => {
    throw isRedisFault(error) ? unavailable(redis, error, prefix) : error;
  });
  await redis.assertDatabase();
  await assertSlot(redis, prefix);
  if (version !== null && Number.parseInt(version, 10) < MIN_MAJOR) {
    const remedy = `Upgrade the server to Redis ${MIN_MAJOR} or newer, or point REDIS_URL at one.`;
    const message = `Redis ${version} is too old; expected version ${MIN_MAJOR} or newer`;
    throw new ErrandError('REDIS_UNSUITABLE', message, { remedy });
  }
  if (maxmemoryPolicy !== null && maxmemoryPolicy !== 'noeviction') {
    const remedy = 'Run in redis-cli: CONFIG SET maxmemory-policy noeviction. Write it into redis.conf too.';
    const message = `Redis evicts keys: maxmemory-policy is ${maxmemoryPolicy}; expected noeviction`;
    throw new ErrandError('REDIS_UNSUITABLE', message, { remedy });
  }
}

/**
 * Rejects if TLS or the login fails before the answer: only another setting helps then. A worker waits for other
 * faults.
 */
async function unlessRefused<T>(redis: Redis, answering: Promise<T>): Promise<T> {
  const failed = Promise.withResolvers<never>();
  const listen = (error: unknown) => connectFaultOf(error, redis.options)?.isLasting && failed.reject(error);
  redis.on('error', listen);
  answering.catch(() => undefined); // it rejects when the client is closed
  return Promise.race([answering, failed.promise]).finally(() => redis.off('error', listen));
}

/**
 * Refuses a node of a cluster if another node holds our keys, and a user without a right to our keys. Accepts a
 * temporary state, such as a cluster that is down.
 * @throws ErrandError `REDIS_UNSUITABLE`, naming the node; `REDIS_DENIED`.
 */
export async function assertSlot(redis: RetryingRedis, prefix: string): Promise<void> {
  await redis.sendOnce('exists', probeKeys(prefix)).catch((error: unknown) => {
    const text = messageOf(error);
    if (slotRefusalOf(text)?.status === 'elsewhere' || isDenial(text)) throw unavailable(redis, error, prefix);
  });
}

async function laneFacts(redis: Redis, prefix: string, provider: string): Promise<LaneFacts> {
  // The findings report what BullMQ would log for each lane.
  const quiet = { skipMetasUpdate: true, skipVersionCheck: true };
  const queue = new Queue(laneOf(provider), { connection: redis, prefix, ...quiet });
  queue.on('error', () => undefined); // the commands below report each fault
  const counts = await laneCounts(queue);
  return { provider, ...counts, isPaused: await queue.isPaused(), workers: await workersOf(queue, redis) };
}

/**
 * Counts the workers of a lane, or returns why they cannot be counted. Hosted services may forbid `CLIENT LIST`. BullMQ
 * then returns one invented client without a `rawname`.
 */
async function workersOf(queue: Queue, redis: Redis): Promise<number | ErrandError | null> {
  try {
    const clients = await queue.getWorkers();
    return clients.every((client) => client.rawname !== undefined) ? clients.length : null;
  } catch (error) {
    if (isDenial(messageOf(error))) return unavailable(redis, error);
    if (isRedisFault(error)) throw error;
    return null;
  }
}
