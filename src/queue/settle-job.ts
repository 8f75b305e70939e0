import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import { isErrandError } from '../errors.ts';

/**
 * What settling a batch came to: its summary, if this version can read it. `too_new`: a record needs a newer worker, so it
 * is to be tried again after a while.
 */
export type Settled = { status: 'settled'; summary: object | null } | { status: 'too_new'; delayMs: number };

/** Settles the batch of a job, or puts the job back. One whose record is missing or damaged is not tried again. */
export async function settleJob(
  job: Job,
  token: string,
  { settleBatch }: { settleBatch: (batchId: string) => Promise<Settled> },
): Promise<object> {
  const settled = await settleBatch(job.id ?? '').catch((error: unknown) => {
    if (!isErrandError(error, 'NOT_FOUND') && !isErrandError(error, 'RECORD_UNREADABLE')) throw error;
    throw new UnrecoverableError(`${error.code}: ${error.message}`);
  });
  if (settled.status === 'settled') return settled.summary ?? {};
  await job.moveToDelayed(Date.now() + settled.delayMs, token);
  throw new DelayedError();
}
