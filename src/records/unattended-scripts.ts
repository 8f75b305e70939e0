import { Script } from '../redis/script.ts';
import { NOW } from './script-parts.ts';

/**
 * Names the tasks of a range that have no outcome.
 * KEYS outcomes. ARGV first index, index after the last.
 */
export const OPEN_TASKS = new Script(`
local open = {}
for index = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
  if redis.call('HEXISTS', KEYS[1], index) == 0 then open[#open + 1] = index end
end
return open
`);

/**
 * Notes once that a lane of a batch was found unserved, and reads since when, by the clock of Redis. Does nothing for a
 * batch whose records are gone.
 * KEYS batch. Returns now in ms, when it was first noted in ms.
 */
export const NOTE_UNSERVED = new Script(`
${NOW}
if redis.call('EXISTS', KEYS[1]) == 0 then return {now, now} end
redis.call('HSETNX', KEYS[1], 'unserved_at', now)
return {now, tonumber(redis.call('HGET', KEYS[1], 'unserved_at'))}
`);

/**
 * Notes which lanes are served now, drops those that were last served too long ago, and reads the others.
 * KEYS lanes served. ARGV how long to remember in ms, then the lanes. Returns lane and time in ms alternately.
 */
export const NOTE_SERVED = new Script(`
${NOW}
for i = 2, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], now) end
local served, kept = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #served, 2 do
  if now - (tonumber(served[i + 1]) or 0) > tonumber(ARGV[1]) then redis.call('HDEL', KEYS[1], served[i])
  else kept[#kept + 1] = served[i] kept[#kept + 1] = served[i + 1] end
end
return kept
`);

/**
 * Marks the gate of a large batch as open on its record, so its tasks are no longer held.
 * KEYS batch.
 */
export const OPEN_GATE = new Script(`
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'gate', 'open') end
return 1
`);
