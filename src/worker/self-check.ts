import { isDeepStrictEqual } from 'node:util';
import { isoNow } from '../base/clock.ts';
import { oneLine } from '../base/text.ts';
import { Checkpoint } from '../contract/checkpoint.ts';
import { LedgerRow } from '../contract/cleanup.ts';
import type { Contract } from '../contract/fits.ts';
import { TaskJob } from '../contract/task.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { messageOf } from '../errors.ts';
import { readRecord } from '../records/read-record.ts';

/**
 * Returns why this process can no longer read its own records, or `null` if it can. It encodes a job and records and
 * reads them again. It reads no stored data.
 *
 * Without this check, a change to shared objects of the process, such as a new field on `Object.prototype`, fails every
 * task while the worker seems healthy.
 */
export function whyUnreadable(): string | null {
  const at = isoNow();
  const [job, checkpoint, row] = [jobAt(at), checkpointAt(at), rowAt(at)];
  const why = foreignField() ?? lost(TaskJob, job) ?? lost(Checkpoint, checkpoint) ?? lost(LedgerRow, row);
  return why && `this process cannot read its own records; restart it: ${why}`;
}

/** A field that every object or list inherits appears in every record when its fields are listed. */
function foreignField(): string | null {
  for (const name in {}) return `every object has a field "${oneLine(name)}"`;
  for (const name in []) return `every list has a field "${oneLine(name)}"`;
  return null;
}

function lost<T>(contract: Contract<T>, written: T): string | null {
  try {
    const read = readRecord(contract, JSON.stringify(written), 'a test record');
    return isDeepStrictEqual(read, written) ? null : 'a test record changed between writing and reading';
  } catch (error) {
    return messageOf(error);
  }
}

function jobAt(at: string): TaskJob {
  const task = { goal: `be read at ${at}`, toolsets: ['self'], budget: { turns: 1 }, metadata: { at } };
  const named = { provider: 'self', model: 'self', reasoning_effort: 'low' as const };
  const chosen_by = { provider: 'task' as const, model: 'task' as const, reasoning_effort: 'task' as const };
  return { version: 1, batch_id: 'self', index: 0, task, route: { ...named, requested: named, chosen_by } };
}

function checkpointAt(at: string): Checkpoint {
  const call = { id: at, name: 'read', arguments: '{}' };
  const native = { role: 'assistant', content: at, tool_calls: [call] };
  const reply = { native, text: at, tool_calls: [call], stop: 'tools' as const, usage: NO_USAGE, cost_usd: null };
  return { version: 1, turn: 1, tool_results: [{ call_id: at, text: at, is_error: false }], reply };
}

function rowAt(at: string): LedgerRow {
  return { status: 'acquired', acquired_at: at, kind: 'client', ref: 'self', epoch: 1, owner: 'self', intent_at: at };
}
