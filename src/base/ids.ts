import { createHash, randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

function base32(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += ALPHABET[byte & 31];
  return text;
}

function timePrefix(nowMs: number): string {
  let text = '';
  for (let rest = nowMs, digit = 0; digit < 9; digit++, rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  return text;
}

/**
 * Makes a new batch id that sorts by creation time: `b` and 21 characters, free of `:` (BullMQ refuses it in job ids).
 */
export function newBatchId(nowMs: number = Date.now()): string {
  return `b${timePrefix(nowMs)}${base32(randomBytes(12))}`;
}

/**
 * Derives the batch id of an idempotency key. The same key gives the same id, so enqueueing twice finds the same jobs.
 */
export function batchIdOf(idempotencyKey: string): string {
  return `k${base32(createHash('sha256').update(idempotencyKey).digest().subarray(0, 21))}`;
}

/** Returns the id of task `index` (from 0) of a batch. The job of the task has the same id. */
export function taskIdOf(batchId: string, index: number): string {
  return `${batchId}-${index}`;
}

/** Parses a task id. Returns `null` if the text is not a task id. */
export function parseTaskId(text: string): { batchId: string; index: number } | null {
  const match = /^([bk][0-9a-z]{21})-(0|[1-9]\d{0,8})$/.exec(text);
  return match?.[1] && match[2] ? { batchId: match[1], index: Number(match[2]) } : null;
}

/** Tells whether the text has the form of a batch id. */
export function isBatchId(text: string): boolean {
  return /^[bk][0-9a-z]{21}$/.test(text);
}

/**
 * Returns the id that a worker has in the place of a task id, for what it holds for several tasks. It is no task id, and
 * safe in a path or a tag, whatever the name of the worker is.
 */
export function holderIdOf(instance: string): string {
  return `w${createHash('sha256').update(instance).digest('hex').slice(0, 20)}`;
}
