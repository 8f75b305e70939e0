import { isoNow } from '../base/clock.ts';
import { clip } from '../base/text.ts';
import { CancelFlag } from '../contract/batch.ts';
import type { Redis } from '../redis/connection.ts';
import { textsOrNull } from '../redis/replies.ts';
import { type Keys, partsOf } from './keys.ts';
import { readEntry } from './read-record.ts';

/** The maximum length of the reason of a cancel: each outcome of the batch repeats it. */
const MAX_REASON_CHARS = 4_000;

/** Makes the flag of a cancel that is requested now. */
export function flagFor(reason: string): CancelFlag {
  return { reason: clip(reason, MAX_REASON_CHARS), requested_at: isoNow() };
}

/** Reads a cancel flag. A flag that does not parse still cancels; only its reason is lost. */
export function readFlag(text: string): CancelFlag {
  return readEntry(CancelFlag, text) ?? { reason: 'the reason cannot be read', requested_at: isoNow() };
}

/**
 * Reads the cancel flag of each task or of its batch, in the order of the ids. Uses no pipeline: ioredis copies the 64
 * scripts of BullMQ into each one, which costs more than many reads.
 */
export async function readFlags(redis: Redis, keys: Keys, taskIds: string[]): Promise<(CancelFlag | null)[]> {
  return Promise.all(taskIds.map((taskId) => flagOf(redis, keys, taskId)));
}

async function flagOf(redis: Redis, keys: Keys, taskId: string): Promise<CancelFlag | null> {
  const { batchId, index } = partsOf(taskId);
  const reply = await redis.hmget(keys.batch(batchId), 'cancel', `cancel:${index}`);
  const [ofBatch, ofTask] = textsOrNull(reply);
  const text = ofBatch ?? ofTask;
  return text ? readFlag(text) : null;
}
