import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { isoNow } from '../base/clock.ts';
import { clip } from '../base/text.ts';
import { taskCostText } from '../contract/cost-text.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { Wake } from '../contract/task.ts';
import type { Observer } from '../telemetry/observer.ts';

/** The longest return value of a task job, in bytes: BullMQ stores it three times. */
const COMPACT_BYTES = 2048;

/** The maximum length of a failure in one line, in characters. */
const MAX_LINE = 600;

/**
 * What happens next to a task job.
 *
 * `ended`: the outcome is final. `retry` and `defer` bring it back; only `retry` spends one of its tries. `park` is a
 * deferral of a task without an opened attempt. `requeue` hands it back at once. `surrender`: another attempt may own it; if
 * the queue still counts it as ours, it is handed back, because the other attempt may be stale. `abandon`: there is no
 * record to write to. `line` says why.
 */
export type Move =
  | { next: 'ended'; outcome: Outcome }
  | { next: 'retry' | 'requeue' | 'surrender'; line: string }
  | { next: 'defer'; line: string; delayMs: number }
  | { next: 'park'; line?: string; delayMs: number }
  | { next: 'abandon'; line: string };

/** What the queue is to do once an attempt is recorded: wake these tasks, then move its job. */
export type Verdict = { wake: readonly Wake[]; move: Move };

/** A job that runs here. `isCancelled` tells whether its task is cancelled. */
export type RunningJob = { job: Job; token: string; isCancelled: () => Promise<boolean>; observer: Observer };

/**
 * Moves a job. Resolves with the compact outcome of a task that succeeded; everything else leaves by throwing, because that
 * is the language a BullMQ worker understands. Each move stands beside the error that must follow it: one without the other
 * leaves the job active and silent until it stalls.
 */
export async function applyMove(move: Move, running: RunningJob): Promise<object> {
  const { job, observer } = running;
  const end = observer.begin({ name: 'tell_queue', taskId: job.id ?? '', next: move.next });
  try {
    const returned = await apply(move, running);
    end({ status: 'done' });
    return returned;
  } catch (error) {
    end(isMove(error) ? { status: 'done' } : { status: 'failed', error });
    throw error;
  }
}

/** Tells whether an error is the way in which BullMQ hears of a move. */
function isMove(error: unknown): boolean {
  return error instanceof DelayedError || error instanceof WaitingError || error instanceof UnrecoverableError;
}

async function apply(move: Move, running: RunningJob): Promise<object> {
  const { job, token } = running;
  await tell(move, job);
  switch (move.next) {
    case 'ended':
      if (move.outcome.status === 'succeeded') return compact(move.outcome);
      throw new UnrecoverableError(lineOf(move.outcome));
    case 'retry':
      await prioritise(job);
      // A try is left, so it waits for its back-off.
      return delay(running, () => job.moveToFailed(new Error(clip(move.line, MAX_LINE)), token));
    case 'defer':
      await prioritise(job);
      return delay(running, () => job.moveToDelayed(Date.now() + move.delayMs, token));
    case 'park':
      return delay(running, () => job.moveToDelayed(Date.now() + move.delayMs, token));
    case 'requeue':
      await prioritise(job);
      return requeue(job, token);
    case 'surrender':
      return requeue(job, token);
    case 'abandon':
      throw new UnrecoverableError(clip(move.line, MAX_LINE));
  }
}

/** Returns a job to its lane at once. The queue refuses if the lock is another worker's. */
export async function requeue(job: Job, token: string): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/**
 * Puts a job off, and brings it back at once if its task is cancelled meanwhile. The flag is set before sleepers are looked
 * for: a flag that was set before this look is seen here, and a later cancel finds the job delayed. A move that is refused
 * may have been made all the same, if it was sent again.
 */
async function delay({ job, isCancelled }: RunningJob, move: () => Promise<unknown>): Promise<never> {
  try {
    await move();
  } finally {
    if (await isCancelled()) await job.promote().catch(() => undefined); // somebody else may have woken it
  }
  throw new DelayedError();
}

/** Adds a line to the story of the task that the board shows. A story that cannot be written changes no verdict. */
async function tell(move: Move, job: Job): Promise<void> {
  const line = logLineOf(move);
  if (line !== null) await job.log(`${isoNow()} ${line}`).catch(() => undefined);
}

/**
 * What an attempt adds to the story, or `null` for nothing: a task that succeeds at its first attempt has none to tell
 * and costs no command, a parked one has not started, and a surrendered one is no longer ours to write to.
 */
function logLineOf(move: Move): string | null {
  switch (move.next) {
    case 'ended':
      if (move.outcome.status !== 'succeeded') return `${move.outcome.status}: ${lineOf(move.outcome)}`;
      return succeededAt(move.outcome.attempts.at(-1)?.epoch ?? 1);
    case 'retry':
      return `to be tried again: ${clip(move.line, MAX_LINE)}`;
    case 'defer':
      return `deferred for ${(move.delayMs / 1000).toFixed(1)} s: ${clip(move.line, MAX_LINE)}`;
    case 'requeue':
      return `handed back: ${clip(move.line, MAX_LINE)}`;
    case 'park':
      return move.line ?? null;
    case 'abandon':
    case 'surrender':
      return null;
  }
}

function succeededAt(epoch: number): string | null {
  return epoch > 1 ? `succeeded at attempt ${epoch}` : null;
}

/**
 * Started work comes back before work that has not started. Done only when a task is about to come back, so that a
 * task which ends at its first attempt costs no extra command.
 */
async function prioritise(job: Job): Promise<void> {
  if (job.priority !== 0) await job.changePriority({ priority: 0 });
}

/** One line that says how a task ended and what was released: the board shows it as the reason of the failure. */
export function lineOf(outcome: Exclude<Outcome, { status: 'succeeded' }>): string {
  const { steps, open } = outcome.cleanup;
  const released = steps.filter((step) => step.status === 'released').map((step) => step.kind);
  const held = released.length === 0 ? 'nothing was held' : `${released.length} released (${released.join(', ')})`;
  const left = open === 0 ? '' : `, ${open} still open`;
  return `${outcome.failure.code}: ${clip(outcome.failure.message, MAX_LINE)} | cleaned up: ${held}${left}`;
}

function compact(outcome: Extract<Outcome, { status: 'succeeded' }>): object {
  const { task_id, status, turns, usage, cost_usd, duration_ms, cleanup } = outcome;
  const brief = {
    task_id,
    status,
    turns,
    usage,
    cost_usd,
    cost: taskCostText(outcome),
    duration_ms,
    released: cleanup.steps.length - cleanup.open,
    open: cleanup.open,
  };
  const room = COMPACT_BYTES - JSON.stringify(brief).length - 200;
  let answer = clip(outcome.answer.text, room);
  while (Buffer.byteLength(JSON.stringify(answer)) > room) answer = clip(answer, Math.floor(answer.length / 2));
  return { ...brief, answer };
}
