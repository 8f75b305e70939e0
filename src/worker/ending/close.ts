import { isoNow } from '../../base/clock.ts';
import { announce } from '../../base/moments.ts';
import { clip } from '../../base/text.ts';
import { amendCleanup, type CleanupRecord } from '../../contract/cleanup.ts';
import type { Answer, AttemptEnd, Attempt as AttemptRecord } from '../../contract/outcome.ts';
import { type ErrandError, FAILURES, isErrandError } from '../../errors.ts';
import type { Verdict } from '../../queue/verdict.ts';
import type { Ended } from '../../records/closing.ts';
import type { Attempt } from '../attempt.ts';
import { AttemptCancelled, failureOf } from '../classify.ts';
import type { Result, Work } from '../result.ts';
import type { TaskDeps } from '../task-deps.ts';
import { abandonResponse, cancelUnknown } from './abandon-response.ts';
import { boundsOf, latestSpends } from './call-bounds.ts';
import { deferralMs, joinDeferrals } from './deferral.ts';
import { type Ending, outcomeOf } from './outcome.ts';

/** How a task rests until it comes back by itself. */
type Resting = { next: 'retry' } | { next: 'defer'; delayMs: number };

/** How an attempt ended: what it came to, and what was released after it. */
export type AttemptEnding = { attempt: Attempt; result: Result; cleanup: CleanupRecord };

/**
 * Records how an attempt ended, as the outcome of its task or as one more attempt, with the rows of what it gave back, and
 * decides what comes next.
 */
export async function conclude(ending: AttemptEnding, deps: TaskDeps): Promise<Verdict> {
  let hasOpenRows = true;
  try {
    const verdict = await close(ending, deps);
    hasOpenRows = ending.cleanup.open > 0;
    return verdict;
  } finally {
    ending.attempt.leaveRows(hasOpenRows);
  }
}

async function close(ending: AttemptEnding, deps: TaskDeps): Promise<Verdict> {
  const { attempt, result, cleanup } = ending;
  try {
    if (result.status === 'succeeded') {
      const { text, files } = result.work;
      return await closeTask(ending, { status: 'succeeded', answer: { text, files } }, deps);
    }
    const goesOn = await goOn(ending, result.error, deps);
    if (goesOn) return goesOn;
    const abandoned = await abandonResponse(result.work.response, attempt, deps);
    return await giveUp({ ...ending, cleanup: amendCleanup(cleanup, abandoned) }, result, deps);
  } catch (error) {
    if (!isErrandError(error, 'ATTEMPT_SUPERSEDED')) throw error;
    deps.telemetry.staleWriteRefused(attempt.taskId);
    return surrender(ending, error, deps);
  }
}

/** Leaves the task to its new owner: nothing is said of it but that this attempt is over, and what was given back. */
async function surrender(ending: AttemptEnding, error: ErrandError, deps: TaskDeps): Promise<Verdict> {
  const { attempt, result, cleanup } = ending;
  const { orphan, lostSpend } = result.work;
  const record = recordOf(ending, 'lost', error, deps);
  const given = { owner: deps.self.instance, steps: cleanup.steps };
  await deps.spends.note(attempt.taskId, attempt.epoch, lostSpend);
  try {
    await deps.records.endAttempt(attempt.taskId, record, null, given);
  } catch (refusal) {
    if (!isErrandError(refusal, 'ATTEMPT_SUPERSEDED')) throw refusal;
  }
  const orphaned = orphan ? [await cancelUnknown(orphan, attempt.taskId, deps)] : [];
  report({ ...ending, cleanup: amendCleanup(cleanup, orphaned) }, 'lost', error, deps);
  return { next: 'surrender', line: `${error.code}: ${deps.redactor.scrub(error.message)}`, wake: [] };
}

/** Brings the task back if its failure allows; `null` if the task has ended. */
async function goOn(ending: AttemptEnding, error: ErrandError, deps: TaskDeps): Promise<Verdict | null> {
  const { attempt, result } = ending;
  const line = `${error.code}: ${deps.redactor.scrub(error.message)}`;
  const { disposition } = FAILURES[error.code];
  const end = (ended: AttemptEnd) => endAttempt(ending, ended, error, deps);
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
      return surrender(ending, error, deps);
    case 'requeue':
      return { next: 'requeue', line, wake: (await end('handed_back')).wake };
    case 'retry':
      return attempt.isLastTry ? null : rest('failed', { next: 'retry' });
    case 'defer': {
      const turns = result.work.checkpoints.length;
      const delayMs = deferralMs({ past: attempt.history.past, turns, askedMs: error.retryAfterMs, now: Date.now() });
      return delayMs === null ? null : rest('deferred', { next: 'defer', delayMs });
    }
  }
}

async function giveUp(
  ending: AttemptEnding,
  { error, isRejected, work }: Extract<Result, { status: 'stopped' }>,
  deps: TaskDeps,
): Promise<Verdict> {
  if (isRejected) return closeTask(ending, { status: 'rejected', error }, deps);
  const { partial, notes } = partialOf(work, error);
  const result = { ...ending.result, work: { ...work, notes } };
  const { cutCall } = work;
  const how: Ending =
    error instanceof AttemptCancelled
      ? { status: 'cancelled', error, partial, flag: error.flag, cutCall }
      : { status: 'failed', error, partial };
  return closeTask({ ...ending, result }, how, deps);
}

/** How many characters of a reply that was too large are kept: a batch of such replies must fit into memory. */
const KEPT_OF_TOO_LARGE = 64 * 1024;

/** The text and files of a failed child so far, and the notes with what was left out of them. */
function partialOf(
  { text: said, files, notes }: Work,
  { code }: ErrandError,
): Pick<Work, 'notes'> & { partial?: Answer } {
  const text = code === 'PROVIDER_REPLY_TOO_LARGE' ? clip(said, KEPT_OF_TOO_LARGE) : said;
  const cut = `the reply was too large: ${KEPT_OF_TOO_LARGE} of ${said.length} characters were kept`;
  return {
    notes: text === said ? notes : [...notes, cut],
    ...((text !== '' || files.length > 0) && { partial: { text, files } }),
  };
}

async function closeTask(ending: AttemptEnding, how: Ending, deps: TaskDeps): Promise<Verdict> {
  const { attempt, cleanup } = ending;
  const { history, taskId, epoch, job } = attempt;
  const { checkpoints, effects, effective, cutSpend, notes } = ending.result.work;
  const error = how.status === 'succeeded' ? undefined : how.error;
  const attempts = [...history.past, recordOf(ending, how.status, error, deps)];
  const { metadata } = job.task;
  const task = { taskId, batchId: job.batch_id, index: job.index, route: { ...job.route, effective }, metadata };
  const known = await latestSpends(taskId, { attempts, cutSpends: history.cutSpends }, deps);
  const cutSpends = known.set(epoch, cutSpend);
  const facts = { ...task, attempts, checkpoints, effects, cutSpends, isUnreadable: false, notes };
  const bounds = await boundsOf({ ...task, spec: job.task }, facts, deps);
  const outcome = outcomeOf(how, { ...facts, bounds }, deps.redactor);
  const given = { owner: deps.self.instance, steps: cleanup.steps };
  const closing = await deps.records.close(epoch, outcome, given, history.closedRows);
  announce('closed', taskId);
  report(ending, how.status, error, deps);
  if (closing.status === 'recorded') deps.telemetry.taskEnded(job.route.provider, closing.outcome);
  return { next: 'ended', outcome: closing.outcome, wake: closing.wake };
}

async function endAttempt(
  ending: AttemptEnding,
  ended: AttemptEnd,
  error: ErrandError,
  deps: TaskDeps,
): Promise<Ended> {
  const { attempt, cleanup } = ending;
  const { unfinishedCalls, lostSpend, checkpoints } = ending.result.work;
  const { provider } = attempt.job.route;
  const before = attempt.history.past.at(-1);
  const record = joinDeferrals(recordOf(ending, ended, error, deps), before, checkpoints.length);
  const given = { owner: deps.self.instance, steps: cleanup.steps };
  const restsWith = ended === 'handed_back' ? null : provider;
  if (unfinishedCalls > 0) await deps.spends.note(attempt.taskId, attempt.epoch, lostSpend);
  const done = await deps.records.endAttempt(attempt.taskId, record, restsWith, given);
  report(ending, ended, error, deps);
  return done;
}

function recordOf(
  { attempt, result, cleanup }: AttemptEnding,
  ended: AttemptEnd,
  error: ErrandError | undefined,
  deps: TaskDeps,
): AttemptRecord & { ended: AttemptEnd } {
  const { epoch, worker, startedAt, history } = attempt;
  const { unfinishedCalls, callTakenOverFrom } = result.work;
  const failure = error && { failure: failureOf(error, deps.redactor) };
  return {
    epoch,
    worker,
    turns_before: history.checkpoints.length,
    unfinished_calls: unfinishedCalls,
    ...(callTakenOverFrom !== undefined && { call_taken_over_from: callTakenOverFrom }),
    started_at: startedAt,
    ended_at: isoNow(),
    ended,
    ...failure,
    cleanup,
  };
}

function report(
  { attempt, result, cleanup }: AttemptEnding,
  ended: AttemptEnd,
  error: ErrandError | undefined,
  deps: TaskDeps,
): void {
  deps.telemetry.attemptEnded(attempt.label, {
    ended,
    failure: error && failureOf(error, deps.redactor),
    cleanup,
    turns: result.work.checkpoints.length,
    durationMs: attempt.durationMs,
  });
}
