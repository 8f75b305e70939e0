import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import type { BatchSummary } from '../contract/batch.ts';
import { batchCostText } from '../contract/cost-text.ts';
import { isErrandError } from '../errors.ts';

/**
 * The result of settling a batch: its summary, if this version can read it. `too_new`: a record needs a newer worker,
 * so the job is retried later.
 */
export type Settled = { status: 'settled'; summary: BatchSummary | null } | { status: 'too_new'; delayMs: number };

/** Settles the batch of a job, or delays the job. A batch whose record is missing or damaged is not retried. */
export async function settleJob(
  job: Job,
  token: string,
  { settleBatch }: { settleBatch: (batchId: string) => Promise<Settled> },
): Promise<object> {
  const settled = await settleBatch(job.id ?? '').catch((error: unknown) => {
    if (!isErrandError(error, 'NOT_FOUND') && !isErrandError(error, 'RECORD_UNREADABLE')) throw error;
    throw new UnrecoverableError(`${error.code}: ${error.message}`);
  });
  if (settled.status === 'settled') return shownOf(settled.summary);
  await job.moveToDelayed(Date.now() + settled.delayMs, token);
  throw new DelayedError();
}

/** The return value of the batch job, for people to read in the board: the summary, and its cost in words. */
function shownOf(summary: BatchSummary | null): object {
  return summary ? { cost: batchCostText(summary), ...summary } : {};
}
