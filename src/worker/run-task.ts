import { parseTaskId } from '../base/ids.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import type { CleanupRecord } from '../contract/cleanup.ts';
import { ErrandError } from '../errors.ts';
import type { TaskDelivery } from '../queue/consumer.ts';
import type { Verdict } from '../queue/verdict.ts';
import type { Opening } from '../records/opening.ts';
import { during } from '../telemetry/observer.ts';
import type { StepEnd } from '../telemetry/step.ts';
import { refusalOf } from './admission.ts';
import { Attempt } from './attempt.ts';
import { type Built, build } from './build.ts';
import { errorOf } from './classify.ts';
import { type Concluded, conclude } from './ending/conclude.ts';
import { crashLoopIn } from './ending/crash-loop.ts';
import { amendPast } from './ending/outcome.ts';
import { concludeUnopened, type Unopened } from './ending/unopened.ts';
import { Scope } from './holding/scope.ts';
import { type Result, workBefore, workOf } from './result.ts';
import type { TaskDeps } from './task-deps.ts';
import { LACKS_TOOLSETS } from './version-wait.ts';

/**
 * Runs one attempt of one task and returns what the queue must do next.
 *
 * Invariants
 * - It never rejects because of the task, the child or a provider.
 * - Cleanup runs exactly once, after the work, however the work ended. Its steps are part of the record.
 * - The result is recorded before the queue gets its verdict.
 */
export async function runTask(delivery: TaskDelivery, queueSignal: AbortSignal, deps: TaskDeps): Promise<Verdict> {
  const opened = await open(delivery, queueSignal, deps);
  if (opened.status === 'unopened') return concludeUnopened(delivery, opened.why, deps);
  const { attempt } = opened;
  const step = { name: 'attempt', ...attempt.label } as const;
  return (await during(deps.observer, step, () => attend(attempt, deps), endOf)).verdict;
}

async function attend(attempt: Attempt, deps: TaskDeps): Promise<Concluded> {
  const result = await perform(attempt, deps);
  const cleanup = await unwind(attempt, deps);
  return conclude({ attempt, result, cleanup }, deps);
}

function endOf({ report }: Concluded): StepEnd {
  return { status: 'ended', report };
}

type Opened = { status: 'opened'; attempt: Attempt } | { status: 'unopened'; why: Unopened };

async function open(delivery: TaskDelivery, queueSignal: AbortSignal, deps: TaskDeps): Promise<Opened> {
  const { taskId, job, isLastTry } = delivery;
  const opening = await during(deps.observer, { name: 'open', taskId }, () => openUnlessHeld(delivery, deps));
  if (opening.status !== 'opened') return { status: 'unopened', why: opening };
  if (!job.isReadable) return { status: 'unopened', why: { ...opening, status: 'invalid', problem: job.problem } };
  const { epoch } = opening;
  const past = amendPast(opening.past, await deps.reclaim.ofTask(opening.openRows));
  const scope = new Scope(deps, { taskId, epoch, owner: deps.self.instance });
  const parts = { taskId, epoch, worker: deps.self.name, job: job.data, history: { ...opening, past }, scope };
  const leaveRows = deps.reclaim.markRunning(taskId, epoch);
  const attempt = new Attempt({ ...parts, isLastTry, leaveRows }, queueSignal);
  deps.active.add(taskId, attempt);
  return { status: 'opened', attempt };
}

/**
 * Opens an attempt as soon as the batch is not held. A batch that is known to be held is checked once for all its
 * tasks.
 */
async function openUnlessHeld(
  delivery: TaskDelivery,
  deps: TaskDeps,
): Promise<Unopened | Extract<Opening, { status: 'opened' }>> {
  const { taskId, provider } = delivery;
  const needs = needsHere(delivery, deps);
  const batchId = parseTaskId(taskId)?.batchId ?? '';
  for (;;) {
    const delayMs = await deps.held.delayMs(batchId);
    if (delayMs > 0) return { status: 'held', delayMs };
    const opening = await deps.records.open(taskId, provider, deps.self.name, needs);
    if (opening.status !== 'held') return opening;
    deps.held.note(batchId);
  }
}

/**
 * The reader version that a job needs, as this worker sees it: a job with toolsets that this worker lacks waits for
 * another worker, as a job of a newer version does.
 */
function needsHere({ job, needs }: TaskDelivery, { toolsets }: TaskDeps): number {
  const lacks = job.isReadable && toolsets.lacking(job.data.task.toolsets).length > 0;
  return lacks ? Math.max(needs, LACKS_TOOLSETS) : needs;
}

/** Prepares a child and runs it. Any error becomes the error of the attempt. */
async function perform(attempt: Attempt, deps: TaskDeps): Promise<Result> {
  const prepared = await prepare(attempt, deps);
  return prepared.status === 'built' ? run(prepared.built, attempt, deps) : prepared;
}

/** Admits the batch, and builds the child. */
async function prepare(attempt: Attempt, deps: TaskDeps): Promise<{ status: 'built'; built: Built } | Result> {
  const { history, job, signal } = attempt;
  const stopped = { status: 'stopped', work: workBefore(history) } as const;
  try {
    const batch = await unlessAborted(deps.admission.of(job.batch_id), signal);
    const refusal = refusalOf(batch, job.route);
    if (refusal) return { ...stopped, error: refusal, isRejected: batch.record.admission === 'batch' };
    const crashLoop = crashLoopIn(history.past, history.checkpoints.length);
    if (crashLoop) throw crashLoop;
    return { status: 'built', built: await build(attempt, batch, deps) };
  } catch (thrown) {
    return { ...stopped, error: errorOf(thrown, signal), isRejected: false };
  }
}

async function run(built: Built, attempt: Attempt, deps: TaskDeps): Promise<Result> {
  try {
    await built.child.run(attempt.signal).finally(() => built.prefix?.leave());
    return { status: 'succeeded', work: workOf(built, await built.toolsets.deliverFiles()) };
  } catch (thrown) {
    const error = await unlessReplaced(errorOf(thrown, attempt.signal), built, attempt, deps);
    return { status: 'stopped', error, isRejected: false, work: workOf(built, await built.toolsets.keepFiles()) };
  }
}

/**
 * Returns the error. If it is a refused key that was rotated meanwhile, returns an error that requeues the task instead
 * of failing it. If the attempt ends while the source is read again, that reason wins over the refusal.
 */
async function unlessReplaced(
  error: ErrandError,
  { credential }: Built,
  { signal, job }: Attempt,
  { credentials }: TaskDeps,
): Promise<ErrandError> {
  if (error.code !== 'CREDENTIAL_REJECTED') return error;
  try {
    const found = await credentials.replacementOf(credential, signal);
    if (found === null) return error;
  } catch (thrown) {
    return errorOf(thrown, signal);
  }
  const message = `the key of provider "${job.route.provider}" was replaced`;
  return new ErrandError('CREDENTIAL_REPLACED', message, { cause: error });
}

async function unwind(attempt: Attempt, deps: TaskDeps): Promise<CleanupRecord> {
  attempt.stopWatching();
  deps.active.remove(attempt.taskId, attempt);
  return attempt.scope.unwind();
}
