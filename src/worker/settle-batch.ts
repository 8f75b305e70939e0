import { isoNow } from '../base/clock.ts';
import { taskIdOf } from '../base/ids.ts';
import type { BatchRecord, BatchSummary } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { addCost, addUsage, NO_USAGE } from '../contract/usage.ts';
import { ErrandError } from '../errors.ts';
import type { UnattendedJobs } from '../queue/unattended-jobs.ts';
import type { BatchRecords } from '../records/batch-records.ts';
import { type CloseDeps, closeWithoutAttempt } from './close-without-attempt.ts';
import { describeTask, endingOfOpen } from './unattended-task.ts';

/** Outcomes read at a time: a page of small ones is under 1 MB. */
const PAGE = 200;
const MOST_FAILURES = 10;

/** What settling takes. */
export type SettleDeps = CloseDeps & { batches: BatchRecords; jobs: UnattendedJobs };

/**
 * Settles a batch whose tasks have all ended: reads the outcomes page by page, gives one to every task that has none,
 * and records the summary. Running it again leads to the same summary.
 *
 * @throws ErrandError `NOT_FOUND` where the batch is not on record.
 */
export async function settleBatch(batchId: string, deps: SettleDeps): Promise<BatchSummary> {
  const status = await deps.batches.status(batchId);
  const found = await deps.batches.read(batchId);
  if (!status || !found) throw new ErrandError('NOT_FOUND', `batch ${batchId} is not on record`);
  if (status.status === 'settled') return status.summary;
  const { total } = found.record;
  const summary = emptySummary(found.record);
  for (let from = 0; from < total; from += PAGE) {
    const page = await deps.batches.outcomes(batchId, from, Math.min(from + PAGE, total));
    for (const [offset, outcome] of page.entries()) {
      addTo(summary, outcome ?? (await closeSilent(found.record, from + offset, status.status, deps)));
    }
  }
  const settledAt = isoNow();
  const settled = await deps.batches.settle({ ...summary, settled_at: settledAt });
  if (settled.settled_at === settledAt) deps.telemetry.batchSettled(settled);
  return settled;
}

/** Ends a task that the queue has no more to do for: it never reached a lane, was removed from it, or was given up. */
async function closeSilent(
  { batch_id: batchId, total, routes }: BatchRecord,
  index: number,
  stage: 'enqueueing' | 'running',
  deps: SettleDeps,
): Promise<Outcome> {
  const taskId = taskIdOf(batchId, index);
  const lanes = [...new Set(routes.map(({ provider }) => provider))];
  const [place = null] = await deps.jobs.find([taskId], lanes);
  const task = { taskId, batchId, index, place };
  const stalled = new ErrandError('ATTEMPT_STALLED_OUT', `the queue ended task ${taskId} without an outcome`);
  const ending = (await endingOfOpen(task, { stage, total }, deps.records)) ?? { status: 'failed', error: stalled };
  const history = await deps.records.history(taskId);
  return (await closeWithoutAttempt(await describeTask(task, deps.jobs), history, ending, deps)).outcome;
}

function emptySummary({ batch_id, name, total, enqueued_at }: BatchRecord): BatchSummary {
  return {
    version: 1,
    batch_id,
    name,
    total,
    counts: { succeeded: 0, failed: 0, rejected: 0, cancelled: 0 },
    usage: NO_USAGE,
    cost_usd: 0,
    unpriced_tasks: 0,
    failures: [],
    cleanup: { released: 0, open: 0 },
    enqueued_at,
    settled_at: enqueued_at,
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
