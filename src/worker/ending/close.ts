import { isoNow } from '../../base/clock.ts';
import { announce } from '../../base/moments.ts';
import { clip } from '../../base/text.ts';
import { amendCleanup, type CleanupRecord } from '../../contract/cleanup.ts';
import type { Answer, AttemptEnd, Attempt as AttemptRecord } from '../../contract/outcome.ts';
import { type ErrandError, FAILURES, isErrandError } from '../../errors.ts';
import type { Verdict } from '../../queue/verdict.ts';
import type { Ended } from '../../records/task-records.ts';
import type { Attempt } from '../attempt.ts';
import { failureOf } from '../classify.ts';
import type { TaskDeps } from '../task-deps.ts';
import { abandonResponse, cancelUnknown } from './abandon-response.ts';
import { boundsOf, latestSpends } from './call-bounds.ts';
import { deferralMs, joinDeferrals } from './deferral.ts';
import { type Ending, outcomeOf } from './outcome.ts';

/** What an attempt came to, before anyone is told. `isRejected`: its batch was not admitted. */
export type Result =
  | { status: 'succeeded'; text: string }
  | { status: 'stopped'; error: ErrandError; isRejected: boolean };

/** How a task rests until it comes back by itself. */
type Resting = { next: 'retry' } | { next: 'defer'; delayMs: number };

/**
 * Records how an attempt ended, as the outcome of its task or as one more attempt, with the rows of what it gave back, and
 * decides what comes next.
 */
export async function closeAttempt(
  attempt: Attempt,
  result: Result,
  cleanup: CleanupRecord,
  isLastTry: boolean,
  deps: TaskDeps,
): Promise<Verdict> {
  let hasOpenRows = true;
  try {
    const verdict = await conclude(attempt, result, cleanup, isLastTry, deps);
    hasOpenRows = cleanup.open > 0;
    return verdict;
  } finally {
    attempt.leaveRows(hasOpenRows);
  }
}

async function conclude(
  attempt: Attempt,
  result: Result,
  cleanup: CleanupRecord,
  isLastTry: boolean,
  deps: TaskDeps,
): Promise<Verdict> {
  try {
    if (result.status === 'succeeded') {
      const answer = { text: result.text, files: attempt.files };
      return await closeTask(attempt, { status: 'succeeded', answer }, cleanup, deps);
    }
    const goesOn = await goOn(attempt, result.error, cleanup, isLastTry, deps);
    if (goesOn) return goesOn;
    const abandoned = await abandonResponse(attempt.response, attempt, deps);
    return await giveUp(attempt, result, amendCleanup(cleanup, abandoned), deps);
  } catch (error) {
    if (!isErrandError(error, 'ATTEMPT_SUPERSEDED')) throw error;
    deps.telemetry.staleWriteRefused(attempt.taskId);
    return surrender(attempt, error, cleanup, deps);
  }
}

/** Leaves the task to its new owner: nothing is said of it but that this attempt is over, and what was given back. */
async function surrender(
  attempt: Attempt,
  error: ErrandError,
  cleanup: CleanupRecord,
  deps: TaskDeps,
): Promise<Verdict> {
  const record = recordOf(attempt, 'lost', error, cleanup, deps);
  const given = { owner: deps.self.instance, steps: cleanup.steps };
  await deps.spends.note(attempt.taskId, attempt.epoch, attempt.calls.lostSpend);
  try {
    await deps.records.endAttempt(attempt.taskId, record, null, given);
  } catch (refusal) {
    if (!isErrandError(refusal, 'ATTEMPT_SUPERSEDED')) throw refusal;
  }
  const orphaned = attempt.orphan ? [await cancelUnknown(attempt.orphan, attempt.taskId, deps)] : [];
  report(attempt, 'lost', error, amendCleanup(cleanup, orphaned), deps);
  return { next: 'surrender', line: `${error.code}: ${deps.redactor.scrub(error.message)}`, wake: [] };
}

/** Brings the task back where its failure allows; `null` where the task has ended. */
async function goOn(
  attempt: Attempt,
  error: ErrandError,
  cleanup: CleanupRecord,
  isLastTry: boolean,
  deps: TaskDeps,
): Promise<Verdict | null> {
  const line = `${error.code}: ${deps.redactor.scrub(error.message)}`;
  const { disposition } = FAILURES[error.code];
  const end = (ended: AttemptEnd) => endAttempt(attempt, ended, error, cleanup, deps);
  const rest = async (ended: AttemptEnd, resting: Resting): Promise<Verdict> => {
    const { flag, wake } = await end(ended);
    return flag ? { next: 'requeue', line, wake } : { ...resting, line, wake, isCancelled };
  };
  const isCancelled = () => deps.records.isCancelled(attempt.taskId);
  // A provider that says when to come back means it, also where it is overloaded rather than rate-limiting.
  switch (disposition === 'retry' && error.retryAfterMs !== undefined ? 'defer' : disposition) {
    case 'discard':
      return null;
    case 'surrender':
      return surrender(attempt, error, cleanup, deps);
    case 'requeue':
      return { next: 'requeue', line, wake: (await end('handed_back')).wake };
    case 'retry':
      return isLastTry ? null : rest('failed', { next: 'retry' });
    case 'defer': {
      const { turns } = attempt.tally;
      const delayMs = deferralMs({ past: attempt.history.past, turns, askedMs: error.retryAfterMs, now: Date.now() });
      return delayMs === null ? null : rest('deferred', { next: 'defer', delayMs });
    }
  }
}

async function giveUp(
  attempt: Attempt,
  { error, isRejected }: Extract<Result, { status: 'stopped' }>,
  cleanup: CleanupRecord,
  deps: TaskDeps,
): Promise<Verdict> {
  if (isRejected) return closeTask(attempt, { status: 'rejected', error }, cleanup, deps);
  const partial = partialOf(attempt, error);
  if (error.code !== 'ATTEMPT_CANCELLED')
    return closeTask(attempt, { status: 'failed', error, partial }, cleanup, deps);
  const [flag] = await deps.records.cancelFlags([attempt.taskId]);
  const ending = {
    status: 'cancelled',
    error,
    partial,
    flag: flag ?? { reason: 'unknown', requested_at: isoNow() },
    cutCall: attempt.child?.cutCall,
  } as const;
  return closeTask(attempt, ending, cleanup, deps);
}

/** How many characters of a reply that was too large are kept: a batch of such replies must fit into memory. */
const KEPT_OF_TOO_LARGE = 64 * 1024;

/** The text and files of a failed child so far. */
function partialOf({ child, files, notes }: Attempt, { code }: ErrandError): Answer | undefined {
  const said = child?.text ?? '';
  const text = code === 'PROVIDER_REPLY_TOO_LARGE' ? clip(said, KEPT_OF_TOO_LARGE) : said;
  if (text !== said) notes.push(`the reply was too large: ${KEPT_OF_TOO_LARGE} of ${said.length} characters were kept`);
  return text !== '' || files.length > 0 ? { text, files } : undefined;
}

async function closeTask(attempt: Attempt, ending: Ending, cleanup: CleanupRecord, deps: TaskDeps): Promise<Verdict> {
  const { history, taskId, epoch, job, audit: route, checkpoints, effects, calls } = attempt;
  const error = ending.status === 'succeeded' ? undefined : ending.error;
  const attempts = [...history.past, recordOf(attempt, ending.status, error, cleanup, deps)];
  const { metadata } = job.task;
  const task = { taskId, batchId: job.batch_id, index: job.index, route, metadata };
  const known = await latestSpends(taskId, { attempts, cutSpends: history.cutSpends }, deps);
  const cutSpends = known.set(epoch, calls.cutSpend);
  const { notes } = attempt;
  const facts = { ...task, attempts, checkpoints, effects, cutSpends, isUnreadable: false, notes };
  const bounds = await boundsOf({ ...task, spec: job.task }, facts, deps);
  const outcome = outcomeOf(ending, { ...facts, bounds }, deps.redactor);
  const given = { owner: deps.self.instance, steps: cleanup.steps };
  const closing = await deps.records.close(epoch, outcome, given, history.closedRows);
  announce('closed', taskId);
  report(attempt, ending.status, error, cleanup, deps);
  if (closing.status === 'recorded') deps.telemetry.taskEnded(job.route.provider, closing.outcome);
  return { next: 'ended', outcome: closing.outcome, wake: closing.wake };
}

async function endAttempt(
  attempt: Attempt,
  ended: AttemptEnd,
  error: ErrandError,
  cleanup: CleanupRecord,
  deps: TaskDeps,
): Promise<Ended> {
  const { provider } = attempt.job.route;
  const before = attempt.history.past.at(-1);
  const record = joinDeferrals(recordOf(attempt, ended, error, cleanup, deps), before, attempt.tally.turns);
  const given = { owner: deps.self.instance, steps: cleanup.steps };
  const restsWith = ended === 'handed_back' ? null : provider;
  const { unfinished, lostSpend } = attempt.calls;
  if (unfinished > 0) await deps.spends.note(attempt.taskId, attempt.epoch, lostSpend);
  const done = await deps.records.endAttempt(attempt.taskId, record, restsWith, given);
  report(attempt, ended, error, cleanup, deps);
  return done;
}

function recordOf(
  { epoch, worker, startedAt, history, calls, callTakenOverFrom }: Attempt,
  ended: AttemptEnd,
  error: ErrandError | undefined,
  cleanup: CleanupRecord,
  deps: TaskDeps,
): AttemptRecord & { ended: AttemptEnd } {
  const failure = error && { failure: failureOf(error, deps.redactor) };
  return {
    epoch,
    worker,
    turns_before: history.checkpoints.length,
    unfinished_calls: calls.unfinished,
    ...(callTakenOverFrom !== undefined && { call_taken_over_from: callTakenOverFrom }),
    started_at: startedAt,
    ended_at: isoNow(),
    ended,
    ...failure,
    cleanup,
  };
}

function report(
  attempt: Attempt,
  ended: AttemptEnd,
  error: ErrandError | undefined,
  cleanup: CleanupRecord,
  deps: TaskDeps,
): void {
  deps.telemetry.attemptEnded(attempt.label, {
    ended,
    failure: error && failureOf(error, deps.redactor),
    cleanup,
    turns: attempt.tally.turns,
    durationMs: attempt.durationMs,
  });
}
