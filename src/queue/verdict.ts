import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { isoNow } from '../base/clock.ts';
import { clip } from '../base/text.ts';
import { taskCostText } from '../contract/cost-text.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { Wake } from '../contract/task.ts';
import type { Observer } from '../telemetry/observer.ts';

/** The maximum return value of a task job, in bytes. BullMQ stores it three times. */
const COMPACT_BYTES = 2048;

/** The maximum length of a failure in one line, in characters. */
const MAX_LINE = 600;
/** The maximum length of the ids of keys in that line, in characters. */
const MAX_KEYS = 200;

/**
 * What happens next to a task job. `line` says why.
 *
 * - `ended`: the outcome is final.
 * - `retry`: the job comes back later and spends one of its tries.
 * - `defer`: the job comes back later and spends no try.
 * - `park`: like `defer`, for a task without an opened attempt.
 * - `requeue`: the job is handed back at once.
 * - `surrender`: another attempt may own the task. If the queue still counts the job as ours, it is handed back,
 *   because the other attempt may be stale.
 * - `abandon`: there is no record to write to.
 */
export type Move =
  | { next: 'ended'; outcome: Outcome }
  | { next: 'retry' | 'requeue' | 'surrender'; line: string }
  | { next: 'defer'; line: string; delayMs: number }
  | { next: 'park'; line?: string; delayMs: number }
  | { next: 'abandon'; line: string };

/** What the queue does after an attempt is recorded: it wakes these tasks, then moves the job of the attempt. */
export type Verdict = { wake: readonly Wake[]; move: Move };

/** A job that runs here. `isCancelled`: whether its task is cancelled. */
export type RunningJob = { job: Job; token: string; isCancelled: () => Promise<boolean>; observer: Observer };

/**
 * Moves a job. Resolves with the compact outcome of a task that succeeded. For any other move it throws the error that
 * BullMQ expects after that move. A move without its error, or an error without its move, leaves the job active until
 * it stalls.
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

/** Whether an error tells BullMQ that the job was moved. */
function isMove(error: unknown): boolean {
  return error instanceof DelayedError || error instanceof WaitingError || error instanceof UnrecoverableError;
}

async function apply(move: Move, running: RunningJob): Promise<object> {
  const { job, token } = running;
  await addLogLine(move, job);
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
 * Delays a job, and brings it back at once if its task was cancelled meanwhile. A cancel sets its flag first and then
 * looks for delayed jobs. So either the flag is seen here, or the cancel finds the job delayed. The flag is read even
 * if the move was refused: a command that is sent again may be refused after it worked.
 */
async function delay({ job, isCancelled }: RunningJob, move: () => Promise<unknown>): Promise<never> {
  try {
    await move();
  } finally {
    if (await isCancelled()) await job.promote().catch(() => undefined); // it may not be delayed any more
  }
  throw new DelayedError();
}

/** Adds a line to the log of the task, which the board shows. If it cannot be written, the verdict stays the same. */
async function addLogLine(move: Move, job: Job): Promise<void> {
  const line = logLineOf(move);
  if (line !== null) await job.log(`${isoNow()} ${line}`).catch(() => undefined);
}

/**
 * Returns the line that an attempt adds to the log, or `null`. A task that succeeds at its first attempt adds no line,
 * to save a command. A surrendered task belongs to another attempt, and an abandoned task has no record.
 */
function logLineOf(move: Move): string | null {
  switch (move.next) {
    case 'ended':
      if (move.outcome.status !== 'succeeded') return `${move.outcome.status}: ${lineOf(move.outcome)}`;
      return succeededAt(move.outcome.attempts.at(-1)?.epoch ?? 1);
    case 'retry':
      return `to be retried: ${clip(move.line, MAX_LINE)}`;
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
 * Drops the priority, so that started work comes back before new work. This is done only when a task comes back, so
 * that a task that ends at its first attempt costs no extra command. See docs/internals/bullmq.md#order-of-jobs.
 */
async function prioritise(job: Job): Promise<void> {
  if (job.priority !== 0) await job.changePriority({ priority: 0 });
}

/**
 * Returns one line about the end of a task and its released resources. The board shows it as the reason of the failure.
 */
export function lineOf(outcome: Exclude<Outcome, { status: 'succeeded' }>): string {
  const { steps, open } = outcome.cleanup;
  const { code, message } = outcome.failure;
  const released = steps.filter((step) => step.status === 'released').map((step) => step.kind);
  const held = released.length === 0 ? 'nothing was held' : `${released.length} released (${released.join(', ')})`;
  const left = open === 0 ? '' : `, ${open} still open`;
  return `${code}: ${clip(message, MAX_LINE)}${keysOf(outcome)} | cleaned up: ${held}${left}`;
}

/** The ids of the credentials that a task used, unless its message names them. */
function keysOf({ cleanup, failure }: Exclude<Outcome, { status: 'succeeded' }>): string {
  const ids = cleanup.steps.flatMap(({ kind, ref }) => (kind === 'credential_lease' && ref !== 'none' ? [ref] : []));
  const unnamed = [...new Set(ids)].filter((id) => !failure.message.includes(id));
  return unnamed.length === 0 ? '' : ` | key: ${clip(unnamed.join(', '), MAX_KEYS)}`;
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
