/** The clock of Redis in ms, as a local. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * The fence of every write but a release: passes only while the task has no outcome and `epoch` is its newest.
 * Expects `outcomes`, `task`, `index` and `epoch` as locals.
 */
export const FENCE = `
if redis.call('HEXISTS', outcomes, index) == 1 then return {'ended', redis.call('HGET', outcomes, index)} end
if (redis.call('HGET', task, 'epoch') or '0') ~= epoch then return {'stale', redis.call('HGET', task, 'epoch') or '0'} end
`;

/**
 * The reader version that a record needs: the higher of `needs` and `version` at its top level. Decoding is costly, so a
 * record of version 1 without the word `needs` is not decoded.
 */
export const NEEDS = `
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
`;

/**
 * Notes that a worker found a job or record too new to act on, in separate fields that no earlier version reads. Returns for
 * how many ms it has waited for a newer worker, and how often it was looked at. Expects `now` as a local.
 */
export const TOO_NEW = `
local function notedTooNew(key)
  redis.call('HSETNX', key, 'too_new_since', now)
  local looks = redis.call('HINCRBY', key, 'too_new_looks', 1)
  return now - tonumber(redis.call('HGET', key, 'too_new_since')), looks
end
`;

/** Every write of an attempt is told of a cancel. Expects the batch as KEYS[1], and `index` as a local. */
export const HEED = `
local cancel = redis.call('HGET', KEYS[1], 'cancel') or redis.call('HGET', KEYS[1], 'cancel:' .. index)
if cancel then return {'cancelled', cancel} end
`;

/** The answer to a write of a running attempt. */
export const ANSWER = `
${HEED}
return {'ok'}
`;

/**
 * Gives up the task's place and names as many of the parked as there are free places: the tasks to wake. They stay
 * parked until they open, so that a wake-up which got lost is made good by the next task that ends. Those of a cancelled
 * batch are woken by the cancel, all at once.
 */
export const LEAVE = `
local function leave(batch, running, parked, taskId)
  redis.call('SREM', running, taskId)
  local head = redis.call('HMGET', batch, 'max_concurrent', 'cancel')
  local limit = tonumber(head[1] or '0')
  if limit == 0 or head[2] then return {} end
  local free = limit - redis.call('SCARD', running)
  if free <= 0 then return {} end
  return redis.call('ZRANGE', parked, 0, free - 1)
end
`;

/**
 * Closes the ledger rows that stand in ARGV from `from` on, row id and cleanup step by turns: what RELEASE does,
 * and what rides on the script that ends an attempt. What is closed is kept for the outcome, however long that takes; once
 * the batch is gone there will be none, and a later batch of its id has other rows.
 */
export const RELEASE_ROWS = `
local function giveBack(batch, outcomes, ledger, released, openRows, taskId, index, from)
  local isFinal = redis.call('HEXISTS', outcomes, index) == 1
  for i = from, #ARGV, 2 do
    redis.call('ZREM', openRows, taskId .. '/' .. ARGV[i])
    if redis.call('HDEL', ledger, ARGV[i]) == 1 then
      if isFinal then
        local lines = redis.call('HGET', outcomes, index .. '+')
        redis.call('HSET', outcomes, index .. '+', (lines and lines .. '\\n' or '') .. ARGV[i + 1])
      elseif redis.call('EXISTS', batch) == 1 then
        redis.call('RPUSH', released, ARGV[i + 1])
      end
    end
  end
end
`;

/** All on record of a task that has no outcome: its hash, its turns, its open and its closed ledger rows, its effects. */
export const HISTORY = `
local function history(task, turns, ledger, released, effects)
  return {redis.call('HGETALL', task), redis.call('LRANGE', turns, 0, -1), redis.call('HGETALL', ledger),
    redis.call('LRANGE', released, 0, -1), redis.call('HGETALL', effects)}
end
`;
