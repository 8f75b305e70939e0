import { lua } from '../../redis/lua.ts';
import { bool, nothing, number, tagged, text } from '../../redis/replies.ts';
import { defineScript } from '../../redis/script.ts';
import { ANSWER, FENCE, REFUSED, RELEASE_ROWS, written } from './fragments.ts';

/**
 * Writes ledger rows, as intent or as acquired. `rows`: row id and row, alternating. Fenced: a stale owner may not
 * acquire. An owner that Redis lost is registered without an identity until its next beat, so that the list of the
 * workers leads to every open row.
 */
export const HOLD = defineScript({
  name: 'HOLD',
  keys: ['batch', 'outcomes', 'task', 'ledger', 'open_rows', 'workers', 'beats'],
  args: ['task_id', 'index', 'epoch', 'now_ms', 'owner'],
  rest: 'rows',
  lua: lua`${FENCE}
if redis.call('HSETNX', workers, owner, 'null') == 1 then redis.call('HSETNX', beats, owner, now_ms) end
for at = 1, #rows, 2 do
  redis.call('HSET', ledger, rows[at], rows[at + 1])
  redis.call('ZADD', open_rows, 'NX', now_ms, task_id .. '/' .. rows[at])
end
${ANSWER}`,
  reply: written,
});

/**
 * Closes ledger rows. `rows`: row id and cleanup step, alternating. Not fenced: a stale owner should release its own
 * rows. A closed row never changes again. If the task has its outcome, the steps are appended beside the outcome, which
 * stays as it is.
 */
export const RELEASE = defineScript({
  name: 'RELEASE',
  keys: ['ledger', 'released', 'open_rows', 'batch', 'outcomes'],
  args: ['task_id', 'index'],
  rest: 'rows',
  lua: RELEASE_ROWS,
  reply: nothing,
});

/**
 * Appends a checkpoint, and removes the background response that it came from. Turn n is stored once, and only after
 * turn n - 1. The same turn again counts as stored, because a client sends a command without a reply again. A turn of a
 * cancelled task is stored too: it was paid for. `disorder` has the number of stored turns.
 */
export const CHECKPOINT = defineScript({
  name: 'CHECKPOINT',
  keys: ['batch', 'outcomes', 'task', 'turns'],
  args: ['index', 'epoch', 'turn', 'checkpoint', 'events', 'event'],
  lua: lua`${FENCE}
local stored = redis.call('LLEN', turns)
local isStored = stored == tonumber(turn) and redis.call('LINDEX', turns, -1) == checkpoint
if not isStored then
  if stored ~= tonumber(turn) - 1 then return {'disorder', stored} end
  redis.call('RPUSH', turns, checkpoint)
  redis.call('HDEL', task, 'response')
  redis.pcall('PUBLISH', events, event)
end
${ANSWER}`,
  reply: tagged({ ok: {}, cancelled: { flag: text }, ...REFUSED, disorder: { turns: number } }),
});

/**
 * Writes the background response that the next turn will come from. If an earlier attempt, `asked_by`, asked for it,
 * also writes that this attempt took it over.
 */
export const NOTE_RESPONSE = defineScript({
  name: 'NOTE_RESPONSE',
  keys: ['batch', 'outcomes', 'task'],
  args: ['index', 'epoch', 'response', 'asked_by'],
  lua: lua`${FENCE}
redis.call('HSET', task, 'response', response)
if asked_by ~= epoch then redis.call('HSET', task, 'from' .. epoch, asked_by) end
${ANSWER}`,
  reply: written,
});

/**
 * Writes the cost of the cut-off calls of an attempt. Not fenced: a superseded attempt may write its own cost. Refused
 * if the task has its outcome, because the field would never be removed.
 */
export const NOTE_SPEND = defineScript({
  name: 'NOTE_SPEND',
  keys: ['task'],
  args: ['epoch', 'spend'],
  lua: lua`
if redis.call('HEXISTS', task, 'a' .. epoch) == 0 then return 0 end
redis.call('HSET', task, 'spend' .. epoch, spend)
return 1
`,
  reply: bool,
});

/**
 * Writes a call of an effect tool, and replaces the stored call. Fenced: a stale owner may not begin a call. The result
 * of a call that it began comes too late, because its successor has told the model that the result is unknown. A call
 * of a cancelled task is stored too.
 */
export const JOURNAL = defineScript({
  name: 'JOURNAL',
  keys: ['batch', 'outcomes', 'task', 'effects'],
  args: ['index', 'epoch', 'call_id', 'call'],
  lua: lua`${FENCE}
redis.call('HSET', effects, call_id, call)
${ANSWER}`,
  reply: written,
});
