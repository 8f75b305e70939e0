import type { Redis } from 'ioredis';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { BoundedRedis } from './bounded.ts';
import { type ConnectFault, connectFaultOf, silenceOf } from './connect-faults.ts';
import { firstFault, isStaleAddress } from './faults.ts';
import { explainRefusal } from './refusal.ts';
import { RetryingRedis } from './retrying.ts';
import type { RedisRole } from './rights.ts';
import { slotRefusalOf } from './slot-refusal.ts';
import { clientOptions, type RedisTarget, redisName } from './target.ts';

/** A client of Redis. Other rooms take its type from here, so that this room alone knows the package. */
export type { Redis } from 'ioredis';

/** How often a connection that only listens sends PING. */
const PULSE_MS = 5_000;

/** The options of a client whose commands wait while Redis is unavailable. */
const WAITING = { maxRetriesPerRequest: null, socketTimeout: 15_000, retryStrategy: backOff };

/** A Redis client, for code that owns a client and sends no commands. */
export type RedisClient = Redis;

/**
 * The address of Redis, and a listener for errors. The caller owns the client and closes it with {@link closeRedis}.
 */
type Opening = { target: RedisTarget; onError: (error: Error) => void };

/** `waitsForRights`: commands that its user may not send also wait, instead of failing. @default false */
type PatientOpening = Opening & { waitsForRights?: boolean };

/**
 * Opens a client that waits: it sends a command that Redis did not get or refused when Redis serves again.
 *
 * For workers. `socketTimeout` ends a half-open connection, which would otherwise hang without end. It is longer than
 * the blocking commands of BullMQ: see docs/internals/redis.md#blocking-connections.
 */
export function openRetryingRedis({ target, onError, waitsForRights = false }: PatientOpening): RetryingRedis {
  const redis = new RetryingRedis({ ...clientOptions(target), ...WAITING }, { waitsForRights });
  listenForErrors(redis, onError);
  return redis;
}

/**
 * Opens a client for listening to channels. It sends PING at times, because a half-open connection looks like a silent
 * channel. After a reconnect its owner subscribes again and catches a refusal; the client itself does not.
 */
export function openSubscriberRedis({ target, onError }: Opening): Redis {
  const redis = new BoundedRedis({ ...clientOptions(target), ...WAITING, autoResubscribe: false });
  listenForErrors(redis, onError);
  const pulse = setInterval(() => redis.status === 'ready' && redis.ping().catch(onError), PULSE_MS);
  pulse.unref(); // a client that is closed while it reconnects never emits "end"
  redis.once('end', () => clearInterval(pulse));
  return redis;
}

/**
 * Opens a client that fails fast: while Redis is unavailable a command fails within about a second and is not queued.
 *
 * For producers, whose web requests wait for Redis. The client reconnects in the background. It also reconnects if the
 * server refuses writes, because after a failover the name may lead to another server.
 */
export function openFailFastRedis({ target, onError }: Opening): BoundedRedis {
  const redis = new BoundedRedis({
    ...clientOptions(target),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 2_000,
    commandTimeout: 5_000,
    socketTimeout: 5_000,
    retryStrategy: backOff,
    reconnectOnError: ({ message }) => isStaleAddress(message),
  });
  listenForErrors(redis, onError);
  return redis;
}

function listenForErrors(redis: Redis, onError: Opening['onError']): void {
  redis.on('error', (error) => onError(withoutCommand(error)));
}

function backOff(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), 2_000);
}

/**
 * Resolves once the client is connected.
 * @throws ErrandError `REDIS_UNAVAILABLE` after `withinMs`, naming the address.
 */
export async function awaitReady(redis: BoundedRedis, withinMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let last: unknown;
  const noteError = (error: unknown) => {
    last = error;
  };
  const noteClose = () => {
    last ??= new Error('the server closed the connection');
  };
  const timer = setTimeout(() => reject(unavailable(redis, redis.lastingFault ?? last)), withinMs);
  redis.once('ready', resolve);
  redis.on('close', noteClose);
  redis.on('error', noteError);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    redis.off('ready', resolve);
    redis.off('close', noteClose);
    redis.off('error', noteError);
  }
}

/** Removes the command that ioredis adds to its errors: the command of a refused login has the password. */
function withoutCommand<E>(error: E): E {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command');
  return error;
}

/**
 * Makes the error for a Redis that does not answer or refuses commands. The message has the address without user and
 * password.
 *
 * - `REDIS_UNSUITABLE`: another node of its cluster holds our keys.
 * - `REDIS_DENIED`: the user lacks a right. With a role, the remedy gives all rights of the role.
 * - `REDIS_FULL`: the memory of Redis is full.
 * - `REDIS_UNAVAILABLE`: any other fault.
 *
 * Returns an `ErrandError` unchanged.
 */
export function unavailable(redis: Redis, thrown: unknown, prefix?: string, role?: RedisRole): ErrandError {
  if (isErrandError(thrown)) return thrown;
  const { options } = redis;
  const cause = withoutCommand(firstFault(thrown));
  const text = cause instanceof Error ? cause.message : '';
  const refusal = explainRefusal(text, { username: options.username, prefix, role });
  if (refusal !== null) {
    const message = `${redisName(options)} refused a command: ${refusal.message}`;
    return new ErrandError(refusal.code, message, { cause, remedy: refusal.remedy });
  }
  const slot = slotRefusalOf(text, options);
  if (slot?.status === 'elsewhere') {
    const message = `${redisName(options)} does not hold our keys: ${slot.message}`;
    return new ErrandError('REDIS_UNSUITABLE', message, { cause, remedy: slot.remedy });
  }
  const known = slot ?? (cause === undefined ? silence(redis) : connectFaultOf(cause, options));
  const why = known?.message ?? (cause === undefined ? 'no answer' : messageOf(cause));
  return new ErrandError('REDIS_UNAVAILABLE', `${redisName(options)} is not available: ${why}`, {
    cause,
    ...(known && { remedy: known.remedy }),
  });
}

/** Explains a Redis that has not accepted the login yet; `null` if it accepted the login and then did not answer. */
function silence({ status, options }: Redis): ConnectFault | null {
  return status === 'ready' ? null : silenceOf(status === 'connect', options);
}

/** Closes a client in any state. */
export function closeRedis(redis: Redis): void {
  redis.disconnect();
}
