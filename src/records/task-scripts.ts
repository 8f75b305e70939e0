import { ATOMIC_TASKS } from '../contract/limits.ts';
import { Script } from '../redis/script.ts';
import { ANSWER, FENCE, HEED, HISTORY, LEAVE, NEEDS, NOW, RELEASE_ROWS, TOO_NEW } from './script-parts.ts';

/**
 * Opens an attempt: a new epoch, or the reason why there is none. A client sends again what it got no reply to, so the
 * newest epoch is told once more to whoever opened it.
 * KEYS batch, outcomes, task, turns, ledger, released, effects, running, parked, resting. ARGV task id, index, name of its
 * job, attempt (JSON that ends in `"epoch":`), events channel, event (likewise), a unique name of this opening, the reader
 * version that its job needs, the version of this reader.
 * Returns opened, history, epoch | ended, outcome | cancelled, history, flag | held | parked, how many wait | missing |
 * too_new, what it needs, for how many ms it has waited, how often it was looked at, how many of the batch wait for a later
 * time. If the job, the batch or the history of the task is too new, the task waits: no attempt is opened, and nothing of it
 * is changed. `held`: the batch is too large for one transaction, its producer may still be adding it, and its gate is shut.
 */
export const OPEN = new Script(`
${HISTORY}
${NEEDS}
${NOW}
${TOO_NEW}
local batch, outcomes, task, turns, running, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[8], KEYS[9]
redis.call('SREM', KEYS[10], ARGV[3])
local final = redis.call('HGET', outcomes, ARGV[2])
if final then
  redis.call('ZREM', parked, ARGV[3])
  return {'ended', final}
end
local head = redis.call('HMGET', batch, 'cancel', 'max_concurrent', 'data', 'status', 'cancel:' .. ARGV[2], 'admission',
  'total', 'gate')
if not head[3] then return {'missing'} end
local cancel = head[1] or head[5]
if head[4] == 'enqueueing' then
  local isHeld = tonumber(head[7] or '0') > ${ATOMIC_TASKS} and head[8] ~= 'open'
  if isHeld and not cancel then return {'held'} end
  -- A task that is not held proves that its batch is in the queue, even if the producer died before it could say so.
  if not isHeld then redis.call('PERSIST', batch) end
end
if cancel then
  redis.call('ZREM', parked, ARGV[3])
  return {'cancelled', history(task, turns, KEYS[5], KEYS[6], KEYS[7]), cancel}
end
if redis.call('HGET', task, 'opening') == ARGV[7] then
  return {'opened', history(task, turns, KEYS[5], KEYS[6], KEYS[7]), redis.call('HGET', task, 'epoch')}
end
local function waitFor(needs)
  local waited, looks = notedTooNew(task)
  redis.call('SADD', KEYS[10], ARGV[3])
  return {'too_new', string.format('%.17g', needs), waited, looks, redis.call('SCARD', KEYS[10])}
end
local needs = math.max(tonumber(ARGV[8]), needsOf(head[3]), needsOf(head[6]))
if needs > tonumber(ARGV[9]) then return waitFor(needs) end
local limit = tonumber(head[2] or '0')
if limit > 0 then
  if redis.call('SISMEMBER', running, ARGV[1]) == 0 and redis.call('SCARD', running) >= limit then
    redis.call('ZADD', parked, ARGV[2], ARGV[3])
    return {'parked', redis.call('ZCARD', parked)}
  end
  redis.call('ZREM', parked, ARGV[3])
end
local known = history(task, turns, KEYS[5], KEYS[6], KEYS[7])
-- The open ledger rows may be too new: each is read by itself, and left alone if it cannot be read.
for _, part in ipairs({known[1], known[2], known[4], known[5]}) do
  for _, text in ipairs(part) do needs = math.max(needs, needsOf(text)) end
end
if needs > tonumber(ARGV[9]) then return waitFor(needs) end
redis.call('SADD', running, ARGV[1])
redis.call('HDEL', task, 'too_new_since', 'too_new_looks')
local epoch = redis.call('HINCRBY', task, 'epoch', 1)
local before = redis.call('LLEN', turns)
redis.call('HSET', task, 'opening', ARGV[7], 'a' .. epoch, ARGV[4] .. epoch .. ',"turns_before":' .. before .. '}')
redis.pcall('PUBLISH', ARGV[5], ARGV[6] .. epoch .. '}')
return {'opened', known, epoch}
`);

/**
 * Reads all that is on record of a task that has no outcome.
 * KEYS task, turns, ledger, released, effects.
 */
export const READ_HISTORY = new Script(`
${HISTORY}
return history(KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
`);

/**
 * Writes ledger rows, as intent or as acquired. Fenced: a stale owner may not acquire. An owner that is not on record, because
 * Redis lost it, is put there as a stranger until its next beat, so that whoever lists workers finds every open row.
 * KEYS batch, outcomes, task, ledger, open rows of the owner, workers, beats. ARGV task id, index, epoch, now in ms, owner,
 * then row id and row by turns.
 * Returns ok | cancelled, flag | ended | stale.
 */
export const HOLD = new Script(`
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
${FENCE}
if redis.call('HSETNX', KEYS[6], ARGV[5], 'null') == 1 then redis.call('HSETNX', KEYS[7], ARGV[5], ARGV[4]) end
for i = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[5], 'NX', ARGV[4], ARGV[1] .. '/' .. ARGV[i])
end
${ANSWER}
`);

/**
 * Closes ledger rows. Not fenced: a stale owner may, and should, give back its own. A closed row never changes again.
 * Where the task has its outcome by then, the outcome is amended: lines appended beside it, never rewritten.
 * KEYS ledger, released, open rows of the owner, batch, outcomes. ARGV task id, index, then row id and cleanup step by
 * turns.
 */
export const RELEASE = new Script(`
${RELEASE_ROWS}
giveBack(KEYS[4], KEYS[5], KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], 3)
return {'ok'}
`);

/**
 * Appends a checkpoint, and drops the background response it came from. Turn n is stored only after turn n - 1, once; the
 * same one sent again is taken as stored, because a client sends again what it got no reply to.
 * KEYS batch, outcomes, task, turns. ARGV index, epoch, turn, checkpoint, events channel, event.
 * Returns ok | cancelled, flag | ended | stale | disorder, turns on record. A cancelled task's turn is stored all the same:
 * it was paid for.
 */
export const CHECKPOINT = new Script(`
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[1], ARGV[2]
${FENCE}
local turns, turn = redis.call('LLEN', KEYS[4]), tonumber(ARGV[3])
local isStored = turns == turn and redis.call('LINDEX', KEYS[4], -1) == ARGV[4]
if not isStored then
  if turns ~= turn - 1 then return {'disorder', turns} end
  redis.call('RPUSH', KEYS[4], ARGV[4])
  redis.call('HDEL', task, 'response')
  redis.pcall('PUBLISH', ARGV[5], ARGV[6])
end
${ANSWER}
`);

/**
 * Writes which background response the next turn will come from, and, for one that an earlier attempt asked for, that
 * this one took it over.
 * KEYS batch, outcomes, task. ARGV index, epoch, response, epoch that asked for it.
 * Returns ok | cancelled, flag | ended | stale.
 */
export const NOTE_RESPONSE = new Script(`
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[1], ARGV[2]
${FENCE}
redis.call('HSET', task, 'response', ARGV[3])
if ARGV[4] ~= epoch then redis.call('HSET', task, 'from' .. epoch, ARGV[4]) end
${ANSWER}
`);

/**
 * Writes what the cut-off calls of an attempt cost. Not fenced: a superseded attempt may write its own spend. Refused once
 * the task has its outcome, because the spend is never removed after that.
 * KEYS task. ARGV epoch, spend. Returns 1 if it is written.
 */
export const NOTE_SPEND = new Script(`
if redis.call('HEXISTS', KEYS[1], 'a' .. ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'spend' .. ARGV[1], ARGV[2])
return 1
`);

/**
 * Writes a call of an effect tool, in the place of what is on record of it. Fenced: a stale owner may begin none, and what
 * it learns of one it began comes too late, because its successor has told the model that nobody knows.
 * KEYS batch, outcomes, task, effects. ARGV index, epoch, id of the call, call.
 * Returns ok | cancelled, flag | ended | stale. A cancelled task's call is stored all the same.
 */
export const JOURNAL = new Script(`
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[1], ARGV[2]
${FENCE}
redis.call('HSET', KEYS[4], ARGV[3], ARGV[4])
${ANSWER}
`);

/**
 * Ends an attempt whose task goes on, and closes the rows it gave back, which no fence refuses. Where places are few, only
 * a task that rests gives up its own: one that comes back at once would wait for another behind tasks that have not
 * started. A cancelled task does not rest, since who cancelled it may have looked for sleepers already. A superseded attempt
 * changes nothing of its task, but its own end is written where none is: it did not crash, which its heir cannot know.
 * KEYS batch, outcomes, task, ledger, released, open rows of the owner, running, parked, resting. ARGV task id, index,
 * epoch, attempt, events channel, event, name of its job where it comes back by itself, else '', the epoch that its record
 * stands for too, else '', then row id and cleanup step by turns.
 * Returns ok, tasks to wake | cancelled, flag | ended | stale.
 */
export const END_ATTEMPT = new Script(`
${LEAVE}
${RELEASE_ROWS}
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
giveBack(KEYS[1], outcomes, KEYS[4], KEYS[5], KEYS[6], ARGV[1], index, 9)
local started = redis.call('HGET', task, 'a' .. epoch)
local mayTell = ARGV[8] == '' or redis.call('HGET', task, 'epoch') == epoch
if started and mayTell and not cjson.decode(started).ended then redis.call('HSET', task, 'a' .. epoch, ARGV[4]) end
${FENCE}
if ARGV[8] ~= '' then
  redis.call('HDEL', task, 'a' .. ARGV[8])
  for _, step in ipairs(redis.call('LRANGE', KEYS[5], 0, -1)) do
    local isOf = string.find(cjson.decode(step).row, ARGV[8] .. '.', 1, true) == 1
    if isOf then redis.call('LREM', KEYS[5], 1, step) end
  end
end
redis.pcall('PUBLISH', ARGV[5], ARGV[6])
${HEED}
if ARGV[7] ~= '' then
  redis.call('SADD', KEYS[9], ARGV[7])
elseif redis.call('HGET', KEYS[1], 'max_concurrent') ~= '0' then
  return {'ok'}
end
return {'ok', leave(KEYS[1], KEYS[7], KEYS[8], ARGV[1])}
`);

/**
 * Writes the one terminal record of a task, closes the rows its last attempt gave back, which no fence refuses, and drops
 * what only a further attempt would need. Rows that are still open stay, whichever attempt left them; those that were
 * closed after the outcome was made amend it. The same outcome sent again is taken as written, and its place as given up.
 * KEYS batch, outcomes, task, ledger, released, open rows of the owner, running, parked, turns, effects. ARGV task id,
 * index, epoch, outcome, events channel, event, status, how many closed rows the outcome was made
 * with, what is stored beside it or '', how many of its calls have an unknown cost, then row id and cleanup step
 * by turns.
 * Returns ok, tasks to wake | ended, the outcome on record, tasks to wake | stale.
 */
export const CLOSE = new Script(`
${LEAVE}
${RELEASE_ROWS}
local outcomes, task, index, epoch = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
local late = redis.call('LRANGE', KEYS[5], ARGV[8], -1)
giveBack(KEYS[1], outcomes, KEYS[4], KEYS[5], KEYS[6], ARGV[1], index, 11)
local final = redis.call('HGET', outcomes, index)
if final == ARGV[4] then return {'ok', leave(KEYS[1], KEYS[7], KEYS[8], ARGV[1])} end
if final then return {'ended', final, leave(KEYS[1], KEYS[7], KEYS[8], ARGV[1])} end
${FENCE}
redis.call('HSET', outcomes, index, ARGV[4])
if #late > 0 then redis.call('HSET', outcomes, index .. '+', table.concat(late, '\\n')) end
redis.call('HINCRBY', KEYS[1], 'n:' .. ARGV[7], 1)
if ARGV[9] ~= '' then
  redis.call('HSET', outcomes, index .. ':beside', ARGV[9])
  redis.call('HINCRBY', KEYS[1], 'n:calls_of_unknown_cost', ARGV[10])
end
redis.call('HDEL', KEYS[1], 'cancel:' .. index)
redis.call('UNLINK', task, KEYS[5], KEYS[9], KEYS[10])
redis.pcall('PUBLISH', ARGV[5], ARGV[6])
return {'ok', leave(KEYS[1], KEYS[7], KEYS[8], ARGV[1])}
`);
