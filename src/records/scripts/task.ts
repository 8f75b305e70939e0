import { ATOMIC_TASKS } from '../../contract/limits.ts';
import { lua } from '../../redis/lua.ts';
import { number, tagged, text, texts } from '../../redis/replies.ts';
import { defineScript } from '../../redis/script.ts';
import {
  FENCE,
  HISTORY,
  LEAVE,
  NEEDS,
  NOW,
  REFUSED,
  RELEASE_ROWS,
  RETURN_IF_CANCELLED,
  storedHistory,
  TOO_NEW,
} from './fragments.ts';

/**
 * Opens an attempt under a new epoch, or returns why no attempt is opened. A client sends a command without a reply
 * again, so the opener with the same `opening` gets the same epoch again.
 *
 * `attempt` and `event` are JSON that ends in `"epoch":`. If the job, the batch or the history of the task is too new,
 * the task waits and no attempt is opened. `held`: the batch is too large for one transaction, its producer may still
 * add tasks, and its gate is shut. `waiting`: the number of tasks of the batch that wait for a place, or for their
 * time.
 */
export const OPEN = defineScript({
  name: 'OPEN',
  keys: ['batch', 'outcomes', 'task', 'turns', 'ledger', 'released', 'effects', 'running', 'parked', 'resting'],
  args: ['task_id', 'index', 'job', 'attempt', 'events', 'event', 'opening', 'job_needs', 'reader'],
  lua: lua`${HISTORY}${NEEDS}${NOW}${TOO_NEW}
redis.call('SREM', resting, job)
local final = redis.call('HGET', outcomes, index)
if final then
  redis.call('ZREM', parked, job)
  return {'ended', final}
end
local head = redis.call('HMGET', batch, 'cancel', 'max_concurrent', 'data', 'status', 'cancel:' .. index, 'admission',
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
  redis.call('ZREM', parked, job)
  return {'cancelled', history(), cancel}
end
if redis.call('HGET', task, 'opening') == opening then
  return {'opened', history(), redis.call('HGET', task, 'epoch')}
end
local function waitFor(needs)
  local waited, looks = notedTooNew(task)
  redis.call('SADD', resting, job)
  return {'too_new', string.format('%.17g', needs), waited, looks, redis.call('SCARD', resting)}
end
local needs = math.max(tonumber(job_needs), needsOf(head[3]), needsOf(head[6]))
if needs > tonumber(reader) then return waitFor(needs) end
local limit = tonumber(head[2] or '0')
if limit > 0 then
  if redis.call('SISMEMBER', running, task_id) == 0 and redis.call('SCARD', running) >= limit then
    redis.call('ZADD', parked, index, job)
    return {'parked', redis.call('ZCARD', parked)}
  end
  redis.call('ZREM', parked, job)
end
local known = history()
-- The open ledger rows may be too new: each is read by itself, and left alone if it cannot be read.
for _, part in ipairs({known[1], known[2], known[4], known[5]}) do
  for _, text in ipairs(part) do needs = math.max(needs, needsOf(text)) end
end
if needs > tonumber(reader) then return waitFor(needs) end
redis.call('SADD', running, task_id)
redis.call('HDEL', task, 'too_new_since', 'too_new_looks')
local epoch = redis.call('HINCRBY', task, 'epoch', 1)
local before = redis.call('LLEN', turns)
redis.call('HSET', task, 'opening', opening, 'a' .. epoch, attempt .. epoch .. ',"turns_before":' .. before .. '}')
redis.pcall('PUBLISH', events, event .. epoch .. '}')
return {'opened', known, epoch}
`,
  reply: tagged({
    opened: { history: storedHistory, epoch: number },
    ended: { outcome: text },
    cancelled: { history: storedHistory, flag: text },
    held: {},
    parked: { waiting: number },
    missing: {},
    too_new: { needs: number, waitedMs: number, looks: number, waiting: number },
  }),
});

/** Reads the stored state of a task without an outcome. */
export const READ_HISTORY = defineScript({
  name: 'READ_HISTORY',
  keys: ['task', 'turns', 'ledger', 'released', 'effects'],
  lua: lua`${HISTORY}
return history()
`,
  reply: storedHistory,
});

/**
 * Ends an attempt whose task continues, and closes the rows that it released.
 *
 * - The rows are closed before the fence, so a superseded attempt closes its rows too.
 * - With `max_concurrent`, a task releases its place only if it comes back later. A task that comes back at once would
 *   otherwise wait for a place behind tasks that have not started.
 * - A cancelled task does not rest, because the cancel may have looked for sleepers already.
 * - A superseded attempt changes nothing else of its task, but its own end is written if it has no end. Its successor
 *   cannot know that it did not crash.
 *
 * `rests_as`: the name of its job if it comes back by itself, or ''. `joined`: the epoch that is merged into its
 * record, or ''. `rows`: row id and cleanup step, alternating. `wake`: the tasks to wake.
 */
export const END_ATTEMPT = defineScript({
  name: 'END_ATTEMPT',
  keys: ['batch', 'outcomes', 'task', 'ledger', 'released', 'open_rows', 'running', 'parked', 'resting'],
  args: ['task_id', 'index', 'epoch', 'attempt', 'events', 'event', 'rests_as', 'joined'],
  rest: 'rows',
  lua: lua`${LEAVE}${RELEASE_ROWS}
local started = redis.call('HGET', task, 'a' .. epoch)
local mayTell = joined == '' or redis.call('HGET', task, 'epoch') == epoch
if started and mayTell and not cjson.decode(started).ended then redis.call('HSET', task, 'a' .. epoch, attempt) end
${FENCE}
if joined ~= '' then
  redis.call('HDEL', task, 'a' .. joined)
  for _, step in ipairs(redis.call('LRANGE', released, 0, -1)) do
    local isOf = string.find(cjson.decode(step).row, joined .. '.', 1, true) == 1
    if isOf then redis.call('LREM', released, 1, step) end
  end
end
redis.pcall('PUBLISH', events, event)
${RETURN_IF_CANCELLED}
if rests_as ~= '' then
  redis.call('SADD', resting, rests_as)
elseif redis.call('HGET', batch, 'max_concurrent') ~= '0' then
  return {'ok', {}}
end
return {'ok', leave()}
`,
  reply: tagged({ ok: { wake: texts }, cancelled: { flag: text }, ...REFUSED }),
});

/**
 * Writes the one outcome of a task, closes the rows that its last attempt released, and removes the records that only a
 * further attempt would need.
 *
 * - The rows are closed before the fence, so a superseded attempt closes its rows too.
 * - Open rows stay, whichever attempt left them. Rows that were closed after the outcome was made are added beside it.
 * - The same outcome again counts as written, because a client sends a command without a reply again.
 *
 * `known_rows`: how many closed rows the outcome has. `beside`: the part that is stored beside it, or ''.
 * `unknown_calls`: how many of its calls have an unknown cost. `rows`: row id and cleanup step, alternating. `wake`:
 * the tasks to wake.
 */
export const CLOSE = defineScript({
  name: 'CLOSE',
  keys: ['batch', 'outcomes', 'task', 'ledger', 'released', 'open_rows', 'running', 'parked', 'turns', 'effects'],
  args: ['task_id', 'index', 'epoch', 'outcome', 'events', 'event', 'status', 'known_rows', 'beside', 'unknown_calls'],
  rest: 'rows',
  lua: lua`${LEAVE}
local late = redis.call('LRANGE', released, known_rows, -1)
${RELEASE_ROWS}
local final = redis.call('HGET', outcomes, index)
if final == outcome then return {'ok', leave()} end
if final then return {'ended', final, leave()} end
${FENCE}
redis.call('HSET', outcomes, index, outcome)
if #late > 0 then redis.call('HSET', outcomes, index .. '+', table.concat(late, '\n')) end
redis.call('HINCRBY', batch, 'n:' .. status, 1)
if beside ~= '' then
  redis.call('HSET', outcomes, index .. ':beside', beside)
  redis.call('HINCRBY', batch, 'n:calls_of_unknown_cost', unknown_calls)
end
redis.call('HDEL', batch, 'cancel:' .. index)
redis.call('UNLINK', task, released, turns, effects)
redis.pcall('PUBLISH', events, event)
return {'ok', leave()}
`,
  reply: tagged({ ok: { wake: texts }, ended: { outcome: text, wake: texts }, stale: { epoch: text } }),
});
