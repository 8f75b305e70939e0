import { fragment, lua } from '../../redis/lua.ts';
import { named, pairs, tagged, text, texts } from '../../redis/replies.ts';

/** The clock of Redis in ms. */
export const NOW = fragment(
  { gives: ['now'] },
  lua`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`,
);

/** The fence of every write but a release: passes only while the task has no outcome and `epoch` is its newest. */
export const FENCE = fragment(
  { needs: ['outcomes', 'task', 'index', 'epoch'] },
  lua`
if redis.call('HEXISTS', outcomes, index) == 1 then return {'ended', redis.call('HGET', outcomes, index)} end
if (redis.call('HGET', task, 'epoch') or '0') ~= epoch then return {'stale', redis.call('HGET', task, 'epoch') or '0'} end
`,
);

/**
 * The reader version that a record needs: the higher of `needs` and `version` at its top level. Decoding is costly, so
 * a record of version 1 without the word `needs` is not decoded.
 */
export const NEEDS = fragment(
  { gives: ['needsOf'] },
  lua`
local function needsOf(text)
  if not text or string.sub(text, 1, 1) ~= '{' then return 1 end
  local isPlain = string.sub(text, 1, 13) == '{"version":1,' or not string.find(text, '"version"', 1, true)
  if isPlain and not string.find(text, '"needs"', 1, true) then return 1 end
  local isJson, record = pcall(cjson.decode, text)
  if not isJson or type(record) ~= 'table' then return 1 end
  local needs = 1
  for _, name in ipairs({'needs', 'version'}) do
    local value = record[name]
    if type(value) == 'number' and value % 1 == 0 and value > needs then needs = value end
  end
  return needs
end
`,
);

/**
 * Records that a worker found a job or record too new to act on, in fields that no earlier version reads. Returns for
 * how many ms it has waited for a newer worker, and how often a worker looked at it.
 */
export const TOO_NEW = fragment(
  { needs: ['now'], gives: ['notedTooNew'] },
  lua`
local function notedTooNew(key)
  redis.call('HSETNX', key, 'too_new_since', now)
  local looks = redis.call('HINCRBY', key, 'too_new_looks', 1)
  return now - tonumber(redis.call('HGET', key, 'too_new_since')), looks
end
`,
);

/** Returns the cancel flag of the task or its batch, if there is one. */
export const RETURN_IF_CANCELLED = fragment(
  { needs: ['batch', 'index'] },
  lua`
local cancel = redis.call('HGET', batch, 'cancel') or redis.call('HGET', batch, 'cancel:' .. index)
if cancel then return {'cancelled', cancel} end
`,
);

/** The reply to a write of a running attempt. */
export const ANSWER = lua`${RETURN_IF_CANCELLED}
return {'ok'}
`;

/**
 * Releases the place of the task and returns as many parked tasks as there are free places, to wake them. They stay
 * parked until they open an attempt, so the next task that ends repeats a lost wake-up. The cancel of a batch wakes all
 * its parked tasks, so none is returned for a cancelled batch.
 */
export const LEAVE = fragment(
  { needs: ['batch', 'running', 'parked', 'task_id'], gives: ['leave'] },
  lua`
local function leave()
  redis.call('SREM', running, task_id)
  local head = redis.call('HMGET', batch, 'max_concurrent', 'cancel')
  local limit = tonumber(head[1] or '0')
  if limit == 0 or head[2] then return {} end
  local free = limit - redis.call('SCARD', running)
  if free <= 0 then return {} end
  return redis.call('ZRANGE', parked, 0, free - 1)
end
`,
);

/**
 * Closes ledger rows. `rows`: row id and cleanup step, alternating. The steps are kept for the outcome without an
 * expiry. If the batch is gone, they are dropped: its tasks get no outcome, and a later batch of the same id has other
 * rows.
 */
export const RELEASE_ROWS = fragment(
  { needs: ['batch', 'outcomes', 'ledger', 'released', 'open_rows', 'task_id', 'index', 'rows'] },
  lua`
do
  local isFinal = redis.call('HEXISTS', outcomes, index) == 1
  for at = 1, #rows, 2 do
    local id, step = rows[at], rows[at + 1]
    redis.call('ZREM', open_rows, task_id .. '/' .. id)
    if redis.call('HDEL', ledger, id) == 1 then
      if isFinal then
        local lines = redis.call('HGET', outcomes, index .. '+')
        redis.call('HSET', outcomes, index .. '+', (lines and lines .. '\n' or '') .. step)
      elseif redis.call('EXISTS', batch) == 1 then
        redis.call('RPUSH', released, step)
      end
    end
  end
end
`,
);

/**
 * The stored state of a task without an outcome: its hash, its turns, its open and its closed ledger rows, its effects.
 */
export const HISTORY = fragment(
  { needs: ['task', 'turns', 'ledger', 'released', 'effects'], gives: ['history'] },
  lua`
local function history()
  return {redis.call('HGETALL', task), redis.call('LRANGE', turns, 0, -1), redis.call('HGETALL', ledger),
    redis.call('LRANGE', released, 0, -1), redis.call('HGETALL', effects)}
end
`,
);

/** Reads the reply of {@link HISTORY}. */
export const storedHistory = named({ task: pairs, turns: texts, ledger: pairs, released: texts, effects: pairs });

/** The stored state of a task without an outcome, before its records are parsed. */
export type StoredHistory = ReturnType<typeof storedHistory>;

/** The replies that refuse a fenced write. */
export const REFUSED = { ended: { outcome: text }, stale: { epoch: text } };

/** Reads the reply of a fenced write of a running attempt: written, written for a cancelled task, or refused. */
export const written = tagged({ ok: {}, cancelled: { flag: text }, ...REFUSED });
