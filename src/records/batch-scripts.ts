import { Script } from '../redis/script.ts';
import { NOW, TOO_NEW } from './script-parts.ts';

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
 * Releases the claim of a producer that failed.
 * KEYS claim. ARGV token.
 */
export const RELEASE_CLAIM = new Script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0
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
 * Settles a batch: its summary is written once, and all its records get their retention.
 * KEYS batch, outcomes, running, parked, resting, metadata of its tasks. ARGV summary, retention in seconds, events channel,
 * event, the part of its spend that is stored beside the summary or ''.
 * Returns the stored summary, the part that is stored beside it, and the record of the batch.
 */
export const SETTLE = new Script(`
if redis.call('HSETNX', KEYS[1], 'summary', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'status', 'settled')
  if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'summary+', ARGV[5]) end
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5])
  if ARGV[6] == 'keep' then redis.call('EXPIRE', KEYS[6], ARGV[2]) else redis.call('UNLINK', KEYS[6]) end
  redis.pcall('PUBLISH', ARGV[3], ARGV[4])
end
return redis.call('HMGET', KEYS[1], 'summary', 'summary+', 'data')
`);

/**
 * Notes that a worker found a record of the batch too new to settle it. KEYS batch.
 * Returns for how many ms it has waited for a newer worker, and how often it was looked at.
 */
export const NOTE_TOO_NEW = new Script(`
${NOW}
${TOO_NEW}
local waited, looks = notedTooNew(KEYS[1])
return {waited, looks}
`);

/**
 * Flags a batch as cancelled; the first reason wins.
 * KEYS batch. ARGV flag, cancels channel, batch id.
 * Returns missing | settled | cancelled, flag on record, why the workers were not told or ''.
 */
export const CANCEL_BATCH = new Script(`
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {'missing'} end
if status == 'settled' then return {'settled'} end
redis.call('HSETNX', KEYS[1], 'cancel', ARGV[1])
local told = redis.pcall('PUBLISH', ARGV[2], ARGV[3])
return {'cancelled', redis.call('HGET', KEYS[1], 'cancel'), type(told) == 'table' and told.err or ''}
`);

/**
 * Flags a task as cancelled; the first reason wins. The flag stands with the batch, so that it lives as long as that does.
 * KEYS batch, outcomes. ARGV index, flag, cancels channel, task id.
 * Returns missing | ended, outcome | cancelled, flag on record, why the workers were not told or ''.
 */
export const CANCEL_TASK = new Script(`
local total = tonumber(redis.call('HGET', KEYS[1], 'total') or '0')
if tonumber(ARGV[1]) >= total then return {'missing'} end
local final = redis.call('HGET', KEYS[2], ARGV[1])
if final then return {'ended', final} end
redis.call('HSETNX', KEYS[1], 'cancel:' .. ARGV[1], ARGV[2])
local told = redis.pcall('PUBLISH', ARGV[3], ARGV[4])
return {'cancelled', redis.call('HGET', KEYS[1], 'cancel:' .. ARGV[1]), type(told) == 'table' and told.err or ''}
`);
