import { lua } from '../../redis/lua.ts';
import { bool, named, nothing, number, tagged, text, textOrNull } from '../../redis/replies.ts';
import { defineScript } from '../../redis/script.ts';
import { NOW, TOO_NEW } from './fragments.ts';

/**
 * Creates the record of a batch, or finds it. `max_concurrent` is '0' for no limit, `ttl` the seconds until it is
 * sealed.
 */
export const CREATE_BATCH = defineScript({
  name: 'CREATE_BATCH',
  keys: ['batch'],
  args: ['fingerprint', 'data', 'context', 'total', 'max_concurrent', 'ttl'],
  lua: lua`
local found = redis.call('HMGET', batch, 'fingerprint', 'status')
if found[1] then
  if found[1] ~= fingerprint then return {'conflict'} end
  return {'same', found[2]}
end
redis.call('HSET', batch, 'fingerprint', fingerprint, 'data', data, 'context', context, 'total', total,
  'max_concurrent', max_concurrent, 'status', 'enqueueing')
redis.call('EXPIRE', batch, ttl)
return {'created'}
`,
  reply: tagged({ created: {}, same: { stage: textOrNull }, conflict: {} }),
});

/**
 * Claims the right to add the jobs of a batch, or renews the claim: two producers with one key must not add at the same
 * time. Returns whether the claim is ours.
 */
export const CLAIM_ENQUEUE = defineScript({
  name: 'CLAIM_ENQUEUE',
  keys: ['claim'],
  args: ['token', 'ttl_ms'],
  lua: lua`
local holder = redis.call('GET', claim)
if holder and holder ~= token then return 0 end
redis.call('SET', claim, token, 'PX', ttl_ms)
return 1
`,
  reply: bool,
});

/** Releases the claim of a producer that failed. Returns whether it had the claim. */
export const RELEASE_CLAIM = defineScript({
  name: 'RELEASE_CLAIM',
  keys: ['claim'],
  args: ['token'],
  lua: lua`
if redis.call('GET', claim) == token then return redis.call('UNLINK', claim) end
return 0
`,
  reply: bool,
});

/** Marks a batch whose jobs are all in the queue. Its record then lives until it is settled. */
export const SEAL_BATCH = defineScript({
  name: 'SEAL_BATCH',
  keys: ['batch', 'claim'],
  lua: lua`
redis.call('UNLINK', claim)
if redis.call('HGET', batch, 'status') == 'enqueueing' then redis.call('HSET', batch, 'status', 'running') end
if redis.call('HEXISTS', batch, 'summary') == 0 then redis.call('PERSIST', batch) end
`,
  reply: nothing,
});

/**
 * Settles a batch: writes its summary once, and sets the retention of all its records, in seconds. `kept_beside` is the
 * part of its spend that is stored beside the summary, or ''. The copies of the metadata of its tasks stay only if
 * `copies` is 'keep'. Returns the stored summary, the part that is stored beside it, and the record of the batch.
 */
export const SETTLE = defineScript({
  name: 'SETTLE',
  keys: ['batch', 'outcomes', 'running', 'parked', 'resting', 'metadata'],
  args: ['summary', 'retention', 'events', 'event', 'kept_beside', 'copies'],
  lua: lua`
if redis.call('HSETNX', batch, 'summary', summary) == 1 then
  redis.call('HSET', batch, 'status', 'settled')
  if kept_beside ~= '' then redis.call('HSET', batch, 'summary+', kept_beside) end
  redis.call('EXPIRE', batch, retention)
  redis.call('EXPIRE', outcomes, retention)
  redis.call('UNLINK', running, parked, resting)
  if copies == 'keep' then redis.call('EXPIRE', metadata, retention) else redis.call('UNLINK', metadata) end
  redis.pcall('PUBLISH', events, event)
end
return redis.call('HMGET', batch, 'summary', 'summary+', 'data')
`,
  reply: named({ summary: text, beside: textOrNull, data: textOrNull }),
});

/**
 * Records that a worker found a record of the batch too new to settle the batch. Returns for how many ms the batch has
 * waited for a newer worker, and how often a worker looked at it.
 */
export const NOTE_TOO_NEW = defineScript({
  name: 'NOTE_TOO_NEW',
  keys: ['batch'],
  lua: lua`${NOW}${TOO_NEW}
local waited, looks = notedTooNew(batch)
return {waited, looks}
`,
  reply: named({ waitedMs: number, looks: number }),
});

/** A flagged cancel: the flag in the record, and why the workers were not notified, in the words of Redis, or ''. */
const CANCELLED = { flag: text, untold: text };

/** Flags a batch as cancelled, and notifies the workers. The first reason wins. */
export const CANCEL_BATCH = defineScript({
  name: 'CANCEL_BATCH',
  keys: ['batch'],
  args: ['flag', 'cancels', 'batch_id'],
  lua: lua`
local status = redis.call('HGET', batch, 'status')
if not status then return {'missing'} end
if status == 'settled' then return {'settled'} end
redis.call('HSETNX', batch, 'cancel', flag)
local told = redis.pcall('PUBLISH', cancels, batch_id)
return {'cancelled', redis.call('HGET', batch, 'cancel'), type(told) == 'table' and told.err or ''}
`,
  reply: tagged({ missing: {}, settled: {}, cancelled: CANCELLED }),
});

/**
 * Flags a task as cancelled, and notifies the workers. The first reason wins. The flag is a field of the batch, so it
 * lives as long as the batch.
 */
export const CANCEL_TASK = defineScript({
  name: 'CANCEL_TASK',
  keys: ['batch', 'outcomes'],
  args: ['index', 'flag', 'cancels', 'task_id'],
  lua: lua`
local total = tonumber(redis.call('HGET', batch, 'total') or '0')
if tonumber(index) >= total then return {'missing'} end
local final = redis.call('HGET', outcomes, index)
if final then return {'ended', final} end
redis.call('HSETNX', batch, 'cancel:' .. index, flag)
local told = redis.pcall('PUBLISH', cancels, task_id)
return {'cancelled', redis.call('HGET', batch, 'cancel:' .. index), type(told) == 'table' and told.err or ''}
`,
  reply: tagged({ missing: {}, ended: { outcome: text }, cancelled: CANCELLED }),
});
