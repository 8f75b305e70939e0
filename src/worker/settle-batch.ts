import { isoNow } from '../base/clock.ts';
import { taskIdOf } from '../base/ids.ts';
import type { BatchJob, BatchStatus, BatchSummary } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { addCost, addUsage, NO_USAGE } from '../contract/usage.ts';
import { ErrandError } from '../errors.ts';
import type { BatchRecords } from '../records/batch-records.ts';
import { type CloseDeps, closeWithoutAttempt } from './close-without-attempt.ts';

/** Outcomes read at a time: a page of small ones is under 1 MB. */
const PAGE = 200;
const MOST_FAILURES = 10;

/** What settling takes. */
export type SettleDeps = CloseDeps & { batches: BatchRecords };

/**
 * Settles a batch whose tasks have all ended: reads the outcomes page by page, gives one to every task that has none,
 * and records the summary. Running it again leads to the same summary.
 *
 * @throws ErrandError `NOT_FOUND` where the batch is not on record.
 */
export async function settleBatch(job: BatchJob, deps: SettleDeps): Promise<BatchSummary> {
  const status = await deps.batches.status(job.batch_id);
  if (!status) throw new ErrandError('NOT_FOUND', `batch ${job.batch_id} is not on record`);
  if (status.status === 'settled') return status.summary;
  const record = (await deps.batches.read(job.batch_id))?.record;
  const summary = emptySummary(job, record?.enqueued_at ?? isoNow());
  for (let from = 0; from < job.total; from += PAGE) {
    const page = await deps.batches.outcomes(job.batch_id, from, Math.min(from + PAGE, job.total));
    for (const [offset, outcome] of page.entries()) {
      addTo(summary, outcome ?? (await closeSilent(job, from + offset, status, deps)));
    }
  }
  const settled = await deps.batches.settle({ ...summary, settled_at: isoNow() });
  deps.telemetry.batchSettled(settled);
  return settled;
}

/** A task that ended without a word: it never reached a queue, or the queue gave up on it. */
async function closeSilent(job: BatchJob, index: number, { status }: BatchStatus, deps: SettleDeps): Promise<Outcome> {
  const taskId = taskIdOf(job.batch_id, index);
  const error =
    status === 'enqueueing'
      ? new ErrandError('ENQUEUE_INCOMPLETE', `task ${taskId} was never added to its lane`)
      : new ErrandError('ATTEMPT_STALLED_OUT', `the queue ended task ${taskId} without an outcome`);
  const task = { taskId, batchId: job.batch_id, index, route: null, provider: '' };
  const history = await deps.records.history(taskId);
  return (await closeWithoutAttempt(task, history, { status: 'failed', error }, deps)).outcome;
}

function emptySummary(job: BatchJob, enqueuedAt: string): BatchSummary {
  return {
    version: 1,
    batch_id: job.batch_id,
    name: job.name,
    total: job.total,
    counts: { succeeded: 0, failed: 0, rejected: 0, cancelled: 0 },
    usage: NO_USAGE,
    cost_usd: 0,
    unpriced_tasks: 0,
    failures: [],
    cleanup: { released: 0, open: 0 },
    enqueued_at: enqueuedAt,
    settled_at: enqueuedAt,
  };
}

function addTo(summary: BatchSummary, outcome: Outcome): void {
  summary.counts[outcome.status]++;
  summary.usage = addUsage(summary.usage, outcome.usage);
  if (outcome.cost_usd === null) summary.unpriced_tasks++;
  summary.cost_usd = addCost(summary.cost_usd, outcome.cost_usd);
  for (const step of outcome.cleanup.steps) summary.cleanup[step.status]++;
  if (outcome.status !== 'succeeded' && summary.failures.length < MOST_FAILURES) {
    summary.failures.push({ index: outcome.index, task_id: outcome.task_id, failure: outcome.failure });
  }
}
