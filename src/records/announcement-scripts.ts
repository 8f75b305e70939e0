import { Script } from '../redis/script.ts';
import { NOW } from './script-parts.ts';

/**
 * Stores the announcement of a worker with an expiry, and notes when its lanes were last served.
 * KEYS announcement of the worker, lanes served. ARGV announcement, its lifetime in ms, then the lanes.
 */
export const ANNOUNCE = new Script(`
${NOW}
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for i = 3, #ARGV do redis.call('HSET', KEYS[2], ARGV[i], now) end
return 1
`);
