import { Script } from '../redis/script.ts';
import { NOW } from './script-parts.ts';

/**
 * Puts a worker on record with a sign of life, or keeps it there: nobody ever sees the one without the other.
 * KEYS workers, beats. ARGV instance, identity.
 */
export const REGISTER_WORKER = new Script(`
${NOW}
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HSET', KEYS[2], ARGV[1], now)
`);

/**
 * Reads the clock of Redis, who is on record, and the signs of life, at one moment: a worker that came or went between two
 * reads would seem silent for ages.
 * KEYS workers, beats.
 */
export const READ_WORKERS = new Script(`
${NOW}
return {now, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
`);

/**
 * Forgets a worker that holds nothing and has been silent for so long: it may have given a sign of life since it was
 * looked at.
 * KEYS workers, beats, open rows of the worker. ARGV instance, silence in ms (0 for a worker that forgets itself, whatever the
 * clock of Redis did since). Returns 1 where it is forgotten.
 */
export const FORGET_WORKER = new Script(`
${NOW}
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local silent = now - (tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0) or 0)
if silent < tonumber(ARGV[2]) and ARGV[2] ~= '0' then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
`);
