/** The prefix of all keys in Redis. The braces put all keys into one slot of a cluster. */
export const DEFAULT_PREFIX = '{errand}';

/**
 * Who connects to Redis:
 *
 * - `worker`: runs tasks and settles batches.
 * - `producer`: enqueues, cancels and reads batches, such as a web app; also `errand enqueue`, `cancel`, `status`,
 *   `outcomes`.
 * - `board`: shows queues, and acts for a person.
 * - `operator`: `errand doctor` and `errand leaks`.
 */
export type RedisRole = 'worker' | 'producer' | 'board' | 'operator';

export const REDIS_ROLES = ['worker', 'producer', 'board', 'operator'] as const satisfies readonly RedisRole[];

/**
 * The commands of each role, and no others, by the names that `ACL SETUSER` takes. They include the commands of BullMQ
 * and of the client, and every command of a script that the role runs: Redis checks a script command by command.
 *
 * A test runs the roles with these rights and compares the lists with the commands that the roles sent.
 */
export const COMMANDS: Readonly<Record<RedisRole, readonly string[]>> = {
  worker: words(`
    bzpopmin client|info client|setname del eval evalsha exists expire get hdel hexists hget hgetall hincrby hkeys
    hmget hmset hset hsetnx hstrlen incr info lindex llen lpop lpos lpush lrange lrem ltrim mget persist pexpire
    ping pttl publish rpop rpoplpush rpush sadd scard select set sismember smembers srandmember srem subscribe
    time unlink unsubscribe xadd xtrim zadd zcard zcount zpopmin zrange zrangebyscore zrem zremrangebyrank
    zremrangebyscore zrevrange zrevrangebyscore zscore
  `),
  producer: words(`
    client|info del eval evalsha exec exists expire get hdel hexists hget hgetall hmget hmset hset hsetnx hstrlen
    incr info lindex llen lpop lpos lpush lrange lrem mget multi persist ping pttl publish sadd scard select set
    smembers srem sscan subscribe time unlink unsubscribe xadd zadd zrange zrem zrevrangebyscore zscore
  `),
  board: words(`
    del eval evalsha exec exists get hdel hexists hget hgetall hlen hmget hscan hset incr info lindex llen lpop
    lpos lpush lrange ltrim multi pttl rename rpop rpush sadd scard select sscan xadd zadd zcard zcount zrange
    zrem zrevrange zscore
  `),
  operator: words(`
    client|info client|list eval evalsha exists hdel hexists hget hgetall hset info lindex llen rpop rpush select
    time unlink zcard zcount zrange zrem
  `),
};

/** The roles that publish or subscribe. Only Errand's own channels are used, which begin with its prefix. */
const ROLES_WITH_CHANNELS: ReadonlySet<RedisRole> = new Set(['worker', 'producer']);

/** Whether a right is for channels only. Without channels a worker and a producer continue, and poll. */
export function isChannelRight(right: string): boolean {
  return right.startsWith('&') || CHANNEL_COMMANDS.has(right);
}

const CHANNEL_COMMANDS: ReadonlySet<string> = new Set(['+publish', '+subscribe', '+unsubscribe']);

/**
 * The pattern of all keys of a deployment, as `ACL SETUSER` takes it. A prefix has no character with a meaning in
 * patterns.
 */
export function keyRightOf(prefix: string): string {
  return `~${prefix}:*`;
}

/** The pattern of all channels of a deployment, as `ACL SETUSER` takes it. */
export function channelRightOf(prefix: string): string {
  return `&${prefix}:*`;
}

/** All rights of a role in one deployment, as `ACL SETUSER` takes them: keys, channels, commands. */
export function rightsOf(role: RedisRole, prefix: string): string[] {
  const channels = ROLES_WITH_CHANNELS.has(role) ? [channelRightOf(prefix)] : [];
  return [keyRightOf(prefix), ...channels, ...commandRightsOf(role)];
}

/**
 * The rights of a role to commands, without patterns: Redis refuses a pattern for a user that has all keys or channels.
 */
export function commandRightsOf(role: RedisRole): string[] {
  return COMMANDS[role].map((command) => `+${command}`);
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
