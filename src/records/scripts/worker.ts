import { lua } from '../../redis/lua.ts';
import { bool, named, nothing, number, pairs } from '../../redis/replies.ts';
import { defineScript } from '../../redis/script.ts';
import { NOW } from './fragments.ts';

/** Registers a worker together with a beat, or keeps it registered. No reader sees the identity without the beat. */
export const REGISTER_WORKER = defineScript({
  name: 'REGISTER_WORKER',
  keys: ['workers', 'beats'],
  args: ['instance', 'identity'],
  lua: lua`${NOW}
redis.call('HSET', workers, instance, identity)
redis.call('HSET', beats, instance, now)
`,
  reply: nothing,
});

/**
 * Reads the clock of Redis, the identities of all registered workers, and their beats, at one moment. Between two reads
 * a worker could register or leave, and would seem silent for a long time.
 */
export const READ_WORKERS = defineScript({
  name: 'READ_WORKERS',
  keys: ['workers', 'beats'],
  lua: lua`${NOW}
return {now, redis.call('HGETALL', workers), redis.call('HGETALL', beats)}
`,
  reply: named({ nowMs: number, identities: pairs, beats: pairs }),
});

/**
 * Removes a worker that holds nothing and sent no beat for `silent_ms`. It may have sent a beat since the caller
 * looked. `silent_ms` is 0 for a worker that removes itself, whatever the clock of Redis did. Returns whether it was
 * removed.
 */
export const FORGET_WORKER = defineScript({
  name: 'FORGET_WORKER',
  keys: ['workers', 'beats', 'open_rows'],
  args: ['instance', 'silent_ms'],
  lua: lua`${NOW}
if redis.call('EXISTS', open_rows) == 1 then return 0 end
local silent = now - (tonumber(redis.call('HGET', beats, instance) or 0) or 0)
if silent < tonumber(silent_ms) and silent_ms ~= '0' then return 0 end
redis.call('HDEL', beats, instance)
return redis.call('HDEL', workers, instance)
`,
  reply: bool,
});

/** Stores the announcement of a worker with an expiry, and records when its lanes were last served. */
export const ANNOUNCE = defineScript({
  name: 'ANNOUNCE',
  keys: ['announcement', 'lanes_served'],
  args: ['text', 'lifetime_ms'],
  rest: 'lanes',
  lua: lua`${NOW}
redis.call('SET', announcement, text, 'PX', lifetime_ms)
for _, lane in ipairs(lanes) do redis.call('HSET', lanes_served, lane, now) end
`,
  reply: nothing,
});
