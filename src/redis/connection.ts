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

/** How often a connection that only listens is asked for a sign of life. */
const PULSE_MS = 5_000;

/** How a client connects whose commands wait while Redis is away. */
const WAITING = { maxRetriesPerRequest: null, socketTimeout: 15_000, retryStrategy: backOff };

/** A Redis client, for the rooms that own one without speaking to it. */
export type RedisClient = Redis;

/** Where Redis is, and who hears of its errors. Whoever opens a client owns it and closes it with {@link closeRedis}. */
type Opening = { target: RedisTarget; onError: (error: Error) => void };

/** `waitsForRights`: commands that its user may not send wait too, instead of failing. @default false */
type PatientOpening = Opening & { waitsForRights?: boolean };

/**
 * Opens a client that waits: commands issued while Redis is away or refuses are sent when it serves again.
 *
 * For workers. `socketTimeout` ends a half-open connection that would otherwise hang for ever; it is longer than the
 * 5 s idle poll of a BullMQ worker.
 */
export function openRetryingRedis({ target, onError, waitsForRights = false }: PatientOpening): RetryingRedis {
  const redis = new RetryingRedis({ ...clientOptions(target), ...WAITING }, { waitsForRights });
  hearErrors(redis, onError);
  return redis;
}

/**
 * Opens a client for listening to channels. Nothing may come for long times, so it asks for a sign of life now and then:
 * a half-open connection would look like silence for ever. It does not subscribe again after a reconnect: its owner does, and
 * catches a refusal.
 */
export function openSubscriberRedis({ target, onError }: Opening): Redis {
  const redis = new BoundedRedis({ ...clientOptions(target), ...WAITING, autoResubscribe: false });
  hearErrors(redis, onError);
  const pulse = setInterval(() => redis.status === 'ready' && redis.ping().catch(onError), PULSE_MS);
  pulse.unref(); // closed while it connects again, a client never says that it has ended
  redis.once('end', () => clearInterval(pulse));
  return redis;
}

/**
 * Opens a client that fails fast: a command errors within about a second while Redis is away, and never queues up.
 *
 * For producers, whose web requests wait for Redis. It keeps trying to reconnect in the background, and connects again if
 * the server refuses writes: after a failover a name may lead to another server.
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
  hearErrors(redis, onError);
  return redis;
}

function hearErrors(redis: Redis, onError: Opening['onError']): void {
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

/** ioredis hangs the command it sent on its errors, and that of a refused login holds the password. */
function withoutCommand<E>(error: E): E {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command');
  return error;
}

/**
 * The error for a Redis that does not answer or refuses commands: `REDIS_UNAVAILABLE`, or `REDIS_UNSUITABLE` if another node
 * of its cluster holds our keys, `REDIS_DENIED` if the user lacks a right, or `REDIS_FULL`. Names the address without user and
 * password. An `ErrandError` is returned as it is. With a role, the remedy for a missing right gives all rights of the role.
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

/** A Redis that has not let the client in yet; `null` for one that did and then gave no answer. */
function silence({ status, options }: Redis): ConnectFault | null {
  return status === 'ready' ? null : silenceOf(status === 'connect', options);
}

/** Closes a client whatever state it is in. */
export function closeRedis(redis: Redis): void {
  redis.disconnect();
}
