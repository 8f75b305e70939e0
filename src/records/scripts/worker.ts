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

/** Writes rows of the ledger of a worker, as intent or as acquired. `rows`: row id and row, alternating. */
export const HOLD_FOR_WORKER = defineScript({
  name: 'HOLD_FOR_WORKER',
  keys: ['worker_ledger', 'open_rows', 'workers', 'beats'],
  args: ['owner', 'holder', 'now_ms'],
  rest: 'rows',
  lua: lua`
if redis.call('HSETNX', workers, owner, 'null') == 1 then redis.call('HSETNX', beats, owner, now_ms) end
for at = 1, #rows, 2 do
  redis.call('HSET', worker_ledger, rows[at], rows[at + 1])
  redis.call('ZADD', open_rows, 'NX', now_ms, holder .. '/' .. rows[at])
end
`,
  reply: nothing,
});

/** Closes rows of the ledger of a worker, by their ids. */
export const RELEASE_FOR_WORKER = defineScript({
  name: 'RELEASE_FOR_WORKER',
  keys: ['worker_ledger', 'open_rows'],
  args: ['holder'],
  rest: 'rows',
  lua: lua`
for _, row in ipairs(rows) do
  redis.call('HDEL', worker_ledger, row)
  redis.call('ZREM', open_rows, holder .. '/' .. row)
end
`,
  reply: nothing,
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
