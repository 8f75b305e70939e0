import type { Redis } from 'ioredis';
import type { Outcome } from '../contract/outcome.ts';
import { together } from './beside.ts';
import { readOutcome } from './read-outcome.ts';
import { repliesOf } from './replies.ts';

/** The maximum number and size of outcomes read at a time. A page of small outcomes is under 1 MB. */
const PAGE = 200;
const PAGE_BYTES = 16 * 1024 * 1024;

/**
 * Which outcomes to read: for the tasks from index `from` to `to` (exclusive). `isPatient`: an outcome of a newer version is
 * an error.
 */
type PageRequest = { batchId: string; from: number; to: number; isPatient: boolean };

/**
 * Reads a page of outcomes: the requested outcomes, or fewer if they are many or large, but at least one. `null` stands for
 * a task without an outcome. An unreadable outcome is returned as a failure of its task.
 * @throws ErrandError `RECORD_UNREADABLE` for an outcome that only a newer version can read, if `isPatient`.
 */
export async function readOutcomePage(
  redis: Redis,
  key: string,
  { batchId, from, to, isPatient }: PageRequest,
): Promise<(Outcome | null)[]> {
  const fields = await fieldsThatFit(redis, key, from, Math.min(to, from + PAGE));
  if (fields.length === 0) return [];
  const texts = await redis.hmget(
    key,
    ...fields,
    ...fields.map((field) => `${field}+`),
    ...fields.map((field) => `${field}:beside`),
  );
  return fields.map((_, at) => {
    const text = texts[at];
    if (!text) return null;
    const outcome = readOutcome({ batchId, index: from + at, isPatient }, text, texts[fields.length + at]);
    return together(outcome, texts[2 * fields.length + at]);
  });
}

/** The indexes from `from` on whose outcomes fit into one page. */
async function fieldsThatFit(redis: Redis, key: string, from: number, to: number): Promise<string[]> {
  const fields = Array.from({ length: Math.max(0, to - from) }, (_, offset) => String(from + offset));
  const pipeline = redis.pipeline();
  for (const field of fields) pipeline.hstrlen(key, field);
  const sizes = await repliesOf(pipeline);
  let bytes = 0;
  return fields.filter((_, at) => {
    bytes += Number(sizes[at]);
    return at === 0 || bytes <= PAGE_BYTES;
  });
}
