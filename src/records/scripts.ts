import { Script } from './script.ts';

/**
 * The fence of every write but a release: passes only while the task has no outcome and `epoch` is its newest.
 * Expects `outcomes`, `task`, `index` and `epoch` as locals.
 */
const FENCE = `
if redis.call('HEXISTS', outcomes, index) == 1 then return {'ended', redis.call('HGET', outcomes, index)} end
if (redis.call('HGET', task, 'epoch') or '0') ~= epoch then return {'stale', redis.call('HGET', task, 'epoch') or '0'} end
`;

/** Gives up the task's place and takes from the parked as many as there are free places: the tasks to wake. */
const LEAVE = `
local function leave(batch, running, parked, taskId)
  redis.call('SREM', running, taskId)
  local limit = tonumber(redis.call('HGET', batch, 'max_concurrent') or '0')
  if limit == 0 then return {} end
  local free = limit - redis.call('SCARD', running)
  if free <= 0 then return {} end
  return redis.call('ZRANGE', parked, 0, free - 1)
end
`;

/** All that is on record of a task that has no outcome: its hash, its turns, its open and its closed ledger rows. */
const HISTORY = `
local function history(task, turns, ledger, released)
  return {redis.call('HGETALL', task), redis.call('LRANGE', turns, 0, -1), redis.call('HGETALL', ledger),
    redis.call('LRANGE', released, 0, -1)}
end
`;

/**
 * Creates the record of a batch, or finds it.
 * KEYS batch. ARGV fingerprint, data, context, total, max_concurrent ('0' for none), ttl in seconds until it is sealed.
 * Returns created | same, status | conflict.
 */
export const CREATE_BATCH = new Script(`
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'status')
if found[1] then
  if found[1] ~= ARGV[1] then return {'conflict'} end
  return {'same', found[2]}
end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'data', ARGV[2], 'context', ARGV[3], 'total', ARGV[4],
  'max_concurrent', ARGV[5], 'status', 'enqueueing')
redis.call('EXPIRE', KEYS[1], ARGV[6])
return {'created'}
`);

/**
 * Claims the right to add the jobs of a batch, or keeps it: two producers with one key must not add at the same time.
 * KEYS claim. ARGV token, ttl in ms. Returns 1 where the claim is ours.
 */
export const CLAIM_ENQUEUE = new Script(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

/**
 * Marks a batch whose jobs are all in the queue; from now on its record lives until it is settled.
 * KEYS batch, claim.
 */
export const SEAL_BATCH = new Script(`
redis.call('UNLINK', KEYS[2])
if redis.call('HGET', KEYS[1], 'status') == 'enqueueing' then redis.call('HSET', KEYS[1], 'status', 'running') end
if redis.call('HEXISTS', KEYS[1], 'summary') == 0 then redis.call('PERSIST', KEYS[1]) end
return 1
`);

/**
 * Opens an attempt: a new epoch, or the reason why there is none.
 * KEYS batch, outcomes, task, turns, ledger, released, running, parked. ARGV task id, index, parked member, attempt
 * (JSON that ends in `"epoch":`), events channel, event (likewise).
 * Returns opened, history, epoch | ended, outcome | cancelled, history, flag | parked, how many wait | missing.
 */
export const OPEN = new Script(`
${HISTORY}
local batch, outcomes, task, turns, running, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[7], KEYS[8]
local final = redis.call('HGET', outcomes, ARGV[2])
if final then return {'ended', final} end
local head = redis.call('HMGET', batch, 'cancel', 'max_concurrent', 'data', 'status')
if not head[3] then return {'missing'} end
-- A task that runs proves that its batch is in the queue, even if the producer died before it could say so.
if head[4] == 'enqueueing' then redis.call('PERSIST', batch) end
local cancel = head[1] or redis.call('HGET', task, 'cancel')
if cancel then
  redis.call('ZREM', parked, ARGV[3])
  return {'cancelled', history(task, turns, KEYS[5], KEYS[6]), cancel}
end
local limit = tonumber(head[2] or '0')
if limit > 0 then
  if redis.call('SISMEMBER', running, ARGV[1]) == 0 and redis.call('SCARD', running) >= limit then
    redis.call('ZADD', parked, ARGV[2], ARGV[3])
    return {'parked', redis.call('ZCARD', parked)}
  end
  redis.call('ZREM', parked, ARGV[3])
end
redis.call('SADD', running, ARGV[1])
local epoch = redis.call('HINCRBY', task, 'epoch', 1)
local before = redis.call('LLEN', turns)
redis.call('HSET', task, 'a' .. epoch, ARGV[4] .. epoch .. ',"turns_before":' .. before .. '}')
redis.call('PUBLISH', ARGV[5], ARGV[6] .. epoch .. '}')
return {'opened', history(task, turns, KEYS[5], KEYS[6]), epoch}
`);

/**
 * Reads all that is on record of a task that has no outcome.
 * KEYS task, turns, ledger, released.
 */
export const READ_HISTORY = new Script(`
${HISTORY}
return history(KEYS[1], KEYS[2], KEYS[3], KEYS[4])
`);

/**
 * Writes ledger rows, as intent or as acquired. Fenced: a stale owner may not acquire.
 * KEYS batch, outcomes, task, ledger, open rows of the owner. ARGV task id, index, epoch, now in ms, then row id and row
 * by turns.
 * Returns ok | cancelled, flag | ended | stale.
 */
export const HOLD = new Script(`
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
${FENCE}
for i = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[5], 'NX', ARGV[4], ARGV[1] .. '/' .. ARGV[i])
end
local cancel = redis.call('HGET', KEYS[1], 'cancel') or redis.call('HGET', task, 'cancel')
if cancel then return {'cancelled', cancel} end
return {'ok'}
`);

/**
 * Closes ledger rows. Not fenced: a stale owner may, and should, give back its own. A closed row never changes again.
 * Where the task has its outcome by then, the outcome is amended: lines appended beside it, never rewritten.
 * KEYS ledger, released, open rows of the owner, outcomes. ARGV task id, index, retention in seconds, then row id and
 * cleanup step by turns.
 */
export const RELEASE = new Script(`
local isFinal = redis.call('HEXISTS', KEYS[4], ARGV[2]) == 1
for i = 4, #ARGV, 2 do
  redis.call('ZREM', KEYS[3], ARGV[1] .. '/' .. ARGV[i])
  if redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then
    if isFinal then
      local lines = redis.call('HGET', KEYS[4], ARGV[2] .. '+')
      redis.call('HSET', KEYS[4], ARGV[2] .. '+', (lines and lines .. '\\n' or '') .. ARGV[i + 1])
    else
      redis.call('RPUSH', KEYS[2], ARGV[i + 1])
      redis.call('EXPIRE', KEYS[2], ARGV[3])
    end
  end
end
return {'ok'}
`);

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

/**
 * Appends a checkpoint. Turn n is stored only after turn n - 1, once; the same one sent again is taken as stored, because
 * a client sends again what it got no reply to.
 * KEYS batch, outcomes, task, turns. ARGV index, epoch, turn, checkpoint, events channel, event.
 * Returns ok | cancelled, flag | ended | stale | disorder, turns on record. A cancelled task's turn is stored all the same: it was paid for.
 */
export const CHECKPOINT = new Script(`
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[1], ARGV[2]
${FENCE}
local turns, turn = redis.call('LLEN', KEYS[4]), tonumber(ARGV[3])
local isStored = turns == turn and redis.call('LINDEX', KEYS[4], -1) == ARGV[4]
if not isStored then
  if turns ~= turn - 1 then return {'disorder', turns} end
  redis.call('RPUSH', KEYS[4], ARGV[4])
  redis.call('PUBLISH', ARGV[5], ARGV[6])
end
local cancel = redis.call('HGET', KEYS[1], 'cancel') or redis.call('HGET', task, 'cancel')
if cancel then return {'cancelled', cancel} end
return {'ok'}
`);

/**
 * Ends an attempt whose task goes on.
 * KEYS batch, outcomes, task, running, parked. ARGV task id, index, epoch, attempt, events channel, event.
 * Returns ok, tasks to wake | ended | stale.
 */
export const END_ATTEMPT = new Script(`
${LEAVE}
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
${FENCE}
redis.call('HSET', task, 'a' .. epoch, ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[6])
return {'ok', leave(KEYS[1], KEYS[4], KEYS[5], ARGV[1])}
`);

/**
 * Writes the one terminal record of a task, and drops what only a further attempt would need. Rows that are still open
 * stay, whichever attempt left them.
 * KEYS batch, outcomes, task, turns, released, running, parked. ARGV task id, index, epoch, outcome, status, events
 * channel, event.
 * Returns ok, tasks to wake | ended, the outcome on record | stale.
 */
export const CLOSE = new Script(`
${LEAVE}
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
${FENCE}
redis.call('HSET', outcomes, index, ARGV[4])
redis.call('HINCRBY', KEYS[1], 'n:' .. ARGV[5], 1)
redis.call('UNLINK', task, KEYS[4], KEYS[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return {'ok', leave(KEYS[1], KEYS[6], KEYS[7], ARGV[1])}
`);

/**
 * Settles a batch: its summary is written once, and all its records get their retention.
 * KEYS batch, outcomes, running, parked. ARGV summary, retention in seconds, events channel, event.
 * Returns the summary on record.
 */
export const SETTLE = new Script(`
if redis.call('HSETNX', KEYS[1], 'summary', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'status', 'settled')
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  redis.call('UNLINK', KEYS[3], KEYS[4])
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return redis.call('HGET', KEYS[1], 'summary')
`);

/**
 * Flags a batch as cancelled; the first reason wins.
 * KEYS batch. ARGV flag, cancels channel, batch id.
 * Returns missing | settled | cancelled, flag on record.
 */
export const CANCEL_BATCH = new Script(`
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {'missing'} end
if status == 'settled' then return {'settled'} end
redis.call('HSETNX', KEYS[1], 'cancel', ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return {'cancelled', redis.call('HGET', KEYS[1], 'cancel')}
`);

/**
 * Flags a task as cancelled; the first reason wins.
 * KEYS batch, outcomes, task. ARGV index, flag, cancels channel, task id.
 * Returns missing | ended, outcome | cancelled, flag on record.
 */
export const CANCEL_TASK = new Script(`
local total = tonumber(redis.call('HGET', KEYS[1], 'total') or '0')
if tonumber(ARGV[1]) >= total then return {'missing'} end
local final = redis.call('HGET', KEYS[2], ARGV[1])
if final then return {'ended', final} end
redis.call('HSETNX', KEYS[3], 'cancel', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return {'cancelled', redis.call('HGET', KEYS[3], 'cancel')}
`);
