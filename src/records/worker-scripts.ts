import { Script } from './script.ts';

/**
 * Notes a sign of life of a worker, by the clock of Redis.
 * KEYS beats. ARGV instance.
 */
export const BEAT = new Script(`
local now = redis.call('TIME')
return redis.call('HSET', KEYS[1], ARGV[1], now[1] * 1000 + math.floor(now[2] / 1000))
`);

/**
 * Forgets a worker that holds nothing.
 * KEYS workers, beats, open rows of the worker. ARGV instance. Returns 1 where it is forgotten.
 */
export const FORGET_WORKER = new Script(`
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
`);
