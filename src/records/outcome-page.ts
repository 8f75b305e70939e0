import type { Outcome } from '../contract/outcome.ts';
import type { Redis } from '../redis/connection.ts';
import { repliesOf } from '../redis/replies.ts';
import { together } from './beside.ts';
import { isUnreadable, readOutcome } from './read-outcome.ts';
import { readCopies } from './task-metadata.ts';

/** The maximum number and size of outcomes read at a time. A page of small outcomes is under 1 MB. */
const PAGE = 200;
const PAGE_BYTES = 16 * 1024 * 1024;

/**
 * Which outcomes to read: for the tasks from index `from` to `to` (exclusive). `isPatient`: an outcome of a newer
 * version is an error.
 */
type PageRequest = { batchId: string; from: number; to: number; isPatient: boolean };

/**
 * Reads a page of outcomes: the requested outcomes, or fewer if they are many or large, but at least one. `null` stands
 * for a task without an outcome. An unreadable outcome is returned as a failure of its task, with the metadata of the
 * task. `copies`: the key of the copies of the metadata.
 * @throws ErrandError `RECORD_UNREADABLE` for an outcome that only a newer version can read, if `isPatient`.
 */
export async function readOutcomePage(
  redis: Redis,
  { outcomes: key, copies }: { outcomes: string; copies: string },
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
  const outcomes = fields.map((_, at) => {
    const text = texts[at];
    if (!text) return null;
    const outcome = readOutcome({ batchId, index: from + at, isPatient }, text, texts[fields.length + at]);
    return together(outcome, texts[2 * fields.length + at]);
  });
  return withCopies(redis, copies, outcomes);
}

/**
 * Adds the copies of the metadata to outcomes that cannot be read. Their record is the only other place that has it.
 */
async function withCopies(redis: Redis, key: string, outcomes: (Outcome | null)[]): Promise<(Outcome | null)[]> {
  const lacking = outcomes.flatMap((outcome) => (outcome && lacksMetadata(outcome) ? [outcome.index] : []));
  const copies = lacking.length > 0 ? await readCopies(redis, key, lacking) : null;
  if (!copies) return outcomes;
  const found = new Map(lacking.map((index, at) => [index, copies[at]]));
  return outcomes.map((outcome) => {
    const metadata = outcome ? found.get(outcome.index) : undefined;
    return outcome && metadata ? { ...outcome, metadata } : outcome;
  });
}

function lacksMetadata(outcome: Outcome): boolean {
  return isUnreadable(outcome) && outcome.metadata === undefined;
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
