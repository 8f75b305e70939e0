import { isoNow } from '../base/clock.ts';
import { taskIdOf } from '../base/ids.ts';
import type { BatchBrief, BatchSummary } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { addCost, addUsage, NO_USAGE } from '../contract/usage.ts';
import { ErrandError, isErrandError } from '../errors.ts';
import type { UnattendedJobs } from '../queue/unattended-jobs.ts';
import type { BatchRecords } from '../records/batch-records.ts';
import { isUnreadable } from '../records/read-outcome.ts';
import { during } from '../telemetry/observer.ts';
import type { StepEnd } from '../telemetry/step.ts';
import { taskEndOf } from './ending/decide.ts';
import { closeUnattended, type UnattendedDeps } from './ending/unattended.ts';
import type { TaskDeps } from './task-deps.ts';
import { type Added, describeTask, type OpenTask, whyEnds } from './unattended-task.ts';
import type { VersionWait } from './version-wait.ts';

/** The number of tasks without an outcome that are closed in parallel. */
const CLOSED_AT_ONCE = 20;
const MAX_FAILURES = 10;
const MAX_UNPRICED_MODELS = 10;

/** The dependencies of {@link settleBatch}. */
export type SettleDeps = UnattendedDeps &
  Pick<TaskDeps, 'observer'> & { batches: BatchRecords; jobs: UnattendedJobs; versions: VersionWait };

/** The result of settling. `too_new`: it waits for a newer worker, because a record of the batch needs one. */
export type Settling = { status: 'settled'; summary: BatchSummary | null } | { status: 'too_new'; delayMs: number };

/**
 * Settles a batch whose tasks have all ended: reads the outcomes page by page, writes an outcome for every task without
 * one, and records the summary. Running it again returns the same summary.
 *
 * A batch with records that only a newer version can read waits for a worker of that version. If no such worker comes
 * in time, it settles with the records that this version can read.
 *
 * @throws ErrandError `NOT_FOUND` if the batch has no record; `RECORD_UNREADABLE` for a damaged record.
 */
export async function settleBatch(batchId: string, deps: SettleDeps): Promise<Settling> {
  try {
    return { status: 'settled', summary: await settle(batchId, true, deps) };
  } catch (error) {
    if (!isErrandError(error) || error.needs === undefined) throw error;
    const wait = await deps.versions.waitFor(await deps.batches.noteTooNew(batchId, error.needs), { lane: null });
    if (wait.next === 'fail') return { status: 'settled', summary: await settle(batchId, false, deps) };
    if (wait.hasReader) await deps.batches.restartWait(batchId);
    return { status: 'too_new', delayMs: wait.delayMs };
  }
}

async function settle(batchId: string, isPatient: boolean, deps: SettleDeps): Promise<BatchSummary | null> {
  const work = () => summarise(batchId, isPatient, deps);
  const { summary } = await during(deps.observer, { name: 'settle', batchId }, work, endOf);
  return summary;
}

/** The summary of a batch. `isNew`: it was made here. */
type Summarised = { summary: BatchSummary; isNew: true } | { summary: BatchSummary | null; isNew: false };

function endOf(made: Summarised): StepEnd {
  return made.isNew ? { status: 'settled', summary: made.summary } : { status: 'done' };
}

async function summarise(batchId: string, isPatient: boolean, deps: SettleDeps): Promise<Summarised> {
  const found = await deps.batches.toSettle(batchId, isPatient);
  if (!found) throw new ErrandError('NOT_FOUND', `batch ${batchId} has no record`);
  const { brief, stage } = found;
  if (stage === 'settled') return { summary: await deps.batches.summary(batchId), isNew: false };
  const summary = emptySummary(brief);
  let keepsCopies = false;
  for (let from = 0; from < brief.total; ) {
    const page = await deps.batches.outcomes(batchId, from, brief.total, isPatient);
    const filled = await withSilent(brief, { from, outcomes: page, stage }, deps);
    for (const outcome of filled) addTo(summary, outcome);
    keepsCopies ||= filled.some(isUnreadable);
    from += page.length;
  }
  const settledAt = isoNow();
  const settled = await deps.batches.settle({ ...summary, settled_at: settledAt }, { keepsCopies });
  return { summary: settled, isNew: settled.settled_at === settledAt };
}

/** The outcomes of a page. Closes each task that the queue has finished with and that has no outcome. */
async function withSilent(
  { batch_id: batchId, total, routes }: BatchBrief,
  page: { from: number; outcomes: (Outcome | null)[]; stage: 'enqueueing' | 'running' },
  deps: SettleDeps,
): Promise<Outcome[]> {
  const lanes = [...new Set(routes.map(({ provider }) => provider))];
  const silent = page.outcomes.flatMap((outcome, offset) => (outcome === null ? [page.from + offset] : []));
  const taskIds = silent.map((index) => taskIdOf(batchId, index));
  const places = silent.length === 0 ? [] : await deps.jobs.find(taskIds, lanes);
  const tasks = silent.map((index, at) => ({ taskId: taskIds[at] ?? '', batchId, index, place: places[at] ?? null }));
  const closed = new Map<number, Outcome>();
  for (let from = 0; from < tasks.length; from += CLOSED_AT_ONCE) {
    await Promise.all(
      tasks.slice(from, from + CLOSED_AT_ONCE).map(async (task) => {
        closed.set(task.index, await closeSilent(task, { stage: page.stage, total }, deps));
      }),
    );
  }
  return page.outcomes.flatMap((outcome, offset) => outcome ?? closed.get(page.from + offset) ?? []);
}

/** Ends a task that never reached its lane, was removed from it, or was ended by the queue without an outcome. */
async function closeSilent(task: OpenTask, added: Added, deps: SettleDeps): Promise<Outcome> {
  const stalled = new ErrandError('ATTEMPT_STALLED_OUT', `the queue ended task ${task.taskId} without an outcome`);
  const end = taskEndOf((await whyEnds(task, added, deps.records)) ?? stalled, deps.redactor);
  const history = await deps.records.history(task.taskId);
  const recorded = await closeUnattended({ task: await describeTask(task, deps.jobs), end, history }, deps);
  if (recorded.status !== 'superseded') return recorded.outcome;
  throw new ErrandError('ATTEMPT_SUPERSEDED', recorded.failure.message);
}

function emptySummary({ batch_id, name, total, enqueued_at }: BatchBrief): BatchSummary {
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

/** An outcome of a worker of 0.1.0 may have no cost; all of its cost is unknown then. */
function addSpendOf(summary: BatchSummary, outcome: Outcome): void {
  const known = outcome.cost_usd ?? outcome.known_cost_usd ?? 0;
  summary.known_cost_usd = addCost(summary.known_cost_usd ?? 0, known) ?? Number.MAX_VALUE;
  summary.calls_of_unknown_cost = (summary.calls_of_unknown_cost ?? 0) + (outcome.calls_of_unknown_cost ?? 0);
}

/** Counts a task of unknown cost under its model, if the model has no price. */
function addUnpriced(summary: BatchSummary, { is_unpriced, route, calls_of_unknown_cost: calls = 0 }: Outcome): void {
  if (!is_unpriced || !route) return;
  const { provider, model } = route;
  const models = summary.unpriced_models ?? [];
  summary.unpriced_models = models;
  const known = models.find((entry) => entry.provider === provider && entry.model === model);
  if (known) {
    known.tasks++;
    known.calls += calls;
  } else if (models.length < MAX_UNPRICED_MODELS) models.push({ provider, model, tasks: 1, calls });
}

function addTo(summary: BatchSummary, outcome: Outcome): void {
  addSpendOf(summary, outcome);
  addUnpriced(summary, outcome);
  summary.counts[outcome.status]++;
  summary.usage = addUsage(summary.usage, outcome.usage);
  if (outcome.cost_usd === null) summary.unpriced_tasks++;
  summary.cost_usd = addCost(summary.cost_usd, outcome.cost_usd);
  for (const step of outcome.cleanup.steps) summary.cleanup[step.status]++;
  if (outcome.status !== 'succeeded' && summary.failures.length < MAX_FAILURES) {
    summary.failures.push({ index: outcome.index, task_id: outcome.task_id, failure: outcome.failure });
  }
}
