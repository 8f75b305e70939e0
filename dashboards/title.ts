import type { QueueJobJson } from '@bull-board/api/typings/app';
import { fieldOf, isObject } from '../src/base/foreign.ts';
import { oneLine } from '../src/base/text.ts';

/** The counts of a summary, in the order of the title, by the word that the title has for them. */
const COUNTS: Readonly<Record<string, string>> = {
  succeeded: 'ok',
  failed: 'failed',
  rejected: 'rejected',
  cancelled: 'cancelled',
};

/**
 * Returns the title of a job, the only text of a job that every list shows. A failed job shows its failure: code,
 * message, key and cleanup. A settled batch shows its result: `refund letters · 22 ok, 8 failed · $0.0312`.
 */
export function titleOf(job: QueueJobJson): string {
  return oneLine([job.name, ...resultOf(job)].join(' · ') + failureOf(job));
}

/** A job keeps the reason of an attempt that failed before, also after a later attempt succeeded. */
function failureOf({ failedReason, finishedOn, returnvalue }: QueueJobJson): string {
  if (!failedReason || isObject(returnvalue)) return '';
  return finishedOn ? ` — ${failedReason}` : ` — last attempt: ${failedReason}`;
}

/**
 * The counts and the cost of a settled batch. Empty for any other job, and for a summary that this version cannot read.
 */
function resultOf({ returnvalue }: QueueJobJson): string[] {
  const parts = Object.entries(COUNTS).flatMap(([status, word]) => {
    const count = fieldOf(returnvalue, 'counts', status);
    return typeof count === 'number' && count > 0 ? [`${count} ${word}`] : [];
  });
  if (parts.length === 0) return [];
  const cost = fieldOf(returnvalue, 'cost');
  return [parts.join(', '), ...(typeof cost === 'string' ? [cost] : [])];
}
