import { lua } from '../../redis/lua.ts';
import { listOf, named, nothing, number, pairs } from '../../redis/replies.ts';
import { defineScript } from '../../redis/script.ts';
import { NOW } from './fragments.ts';

/** Returns the indexes of the tasks that have no outcome, from `first` to before `to`. */
export const OPEN_TASKS = defineScript({
  name: 'OPEN_TASKS',
  keys: ['outcomes'],
  args: ['first', 'to'],
  lua: lua`
local open = {}
for index = tonumber(first), tonumber(to) - 1 do
  if redis.call('HEXISTS', outcomes, index) == 0 then open[#open + 1] = index end
end
return open
`,
  reply: listOf(number),
});

/**
 * Records that a lane of a batch is unserved, and returns since when, by the clock of Redis. Writes nothing for a batch
 * whose records are gone. A stored value that is not a time counts as now.
 */
export const NOTE_UNSERVED = defineScript({
  name: 'NOTE_UNSERVED',
  keys: ['batch'],
  lua: lua`${NOW}
if redis.call('EXISTS', batch) == 0 then return {now, now} end
redis.call('HSETNX', batch, 'unserved_at', now)
return {now, tonumber(redis.call('HGET', batch, 'unserved_at')) or now}
`,
  reply: named({ nowMs: number, sinceMs: number }),
});

/**
 * Records which lanes are served now, removes the lanes that were last served more than `remember_ms` ago, and returns
 * the others, each with its time in ms.
 */
export const NOTE_SERVED = defineScript({
  name: 'NOTE_SERVED',
  keys: ['lanes_served'],
  args: ['remember_ms'],
  rest: 'lanes',
  lua: lua`${NOW}
for _, lane in ipairs(lanes) do redis.call('HSET', lanes_served, lane, now) end
local served, kept = redis.call('HGETALL', lanes_served), {}
for i = 1, #served, 2 do
  if now - (tonumber(served[i + 1]) or 0) > tonumber(remember_ms) then redis.call('HDEL', lanes_served, served[i])
  else kept[#kept + 1] = served[i] kept[#kept + 1] = served[i + 1] end
end
return kept
`,
  reply: pairs,
});

/** Marks the gate of a large batch as open on its record, so its tasks are no longer held. */
export const OPEN_GATE = defineScript({
  name: 'OPEN_GATE',
  keys: ['batch'],
  lua: lua`
if redis.call('EXISTS', batch) == 1 then redis.call('HSET', batch, 'gate', 'open') end
`,
  reply: nothing,
});
