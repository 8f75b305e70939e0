import { lua } from '../../redis/lua.ts';
import { bool, nothing, number, tagged, text } from '../../redis/replies.ts';
import { defineScript } from '../../redis/script.ts';
import { ANSWER, FENCE, REFUSED, RELEASE_ROWS, written } from './fragments.ts';

/**
 * Writes ledger rows, as intent or as acquired: `rows` has row id and row by turns. Fenced: a stale owner may not acquire. An
 * owner that Redis lost is registered as a stranger until its next beat, so that a list of the workers leads to every open row.
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
 * Closes ledger rows: `rows` has row id and cleanup step by turns. Not fenced: a stale owner may, and should, release its own.
 * A closed row never changes again. If the task has its outcome, the outcome is amended: lines appended beside it, never
 * rewritten.
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
 * Appends a checkpoint, and drops the background response it came from. Turn n is stored only after turn n - 1, once; the
 * same one sent again is taken as stored, because a client sends again what it got no reply to. A cancelled task's turn is
 * stored all the same: it was paid for. `disorder` has the number of turns that are stored.
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
 * Writes which background response the next turn will come from. If an earlier attempt, `asked_by`, asked for it, writes also
 * that this one took it over.
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
 * Writes what the cut-off calls of an attempt cost. Not fenced: a superseded attempt may write its own spend. Refused once
 * the task has its outcome, because the spend is never removed after that.
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
 * Writes a call of an effect tool, in the place of what is stored of it. Fenced: a stale owner may begin none, and what it
 * learns of a call it began comes too late, because its successor has told the model that the result is unknown. A cancelled
 * task's call is stored all the same.
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
