import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { clip } from '../base/text.ts';
import type { Outcome } from '../contract/outcome.ts';

/** The longest return value of a task job, in bytes: BullMQ stores it three times. */
const COMPACT_BYTES = 2048;

/** A task that waited for a place in its batch and has one now. */
export type Wake = { taskId: string; provider: string };

/**
 * What the queue is to do with a task job once its attempt is on record.
 *
 * `ended`: the outcome is final. `retry` and `defer` bring it back; only `retry` spends one of its tries. `park` is a
 * deferral of a task that never started. `requeue` hands it back at once. `surrender`: it is no longer ours, or there
 * is no record to write to.
 */
export type Verdict =
  | { next: 'ended'; outcome: Outcome; wake: Wake[] }
  | { next: 'retry'; line: string; wake: Wake[] }
  | { next: 'defer'; delayMs: number; wake: Wake[] }
  | { next: 'park'; delayMs: number; wake: Wake[] }
  | { next: 'requeue'; wake: Wake[] }
  | { next: 'surrender'; line: string; wake: Wake[] };

/**
 * Tells BullMQ what the verdict says. Resolves with the compact outcome of a task that succeeded; everything else
 * leaves by throwing, because that is the language a BullMQ worker understands. Each move stands beside the error
 * that must follow it: one without the other leaves the job active and silent until it stalls.
 */
export async function obey(verdict: Verdict, job: Job, token: string | undefined): Promise<object> {
  switch (verdict.next) {
    case 'ended':
      if (verdict.outcome.status === 'succeeded') return compact(verdict.outcome);
      throw new UnrecoverableError(lineOf(verdict.outcome));
    case 'retry':
      await goFirst(job);
      throw new Error(verdict.line);
    case 'defer':
      await goFirst(job);
      await job.moveToDelayed(Date.now() + verdict.delayMs, token);
      throw new DelayedError();
    case 'park':
      await job.moveToDelayed(Date.now() + verdict.delayMs, token);
      throw new DelayedError();
    case 'requeue':
      await job.moveToWait(token);
      throw new WaitingError();
    case 'surrender':
      throw new UnrecoverableError(verdict.line);
  }
}

/**
 * Started work comes back before work that has not started. Done only when a task is about to come back, so that a
 * task which ends at its first attempt costs no extra command.
 */
async function goFirst(job: Job): Promise<void> {
  if (job.priority !== 0) await job.changePriority({ priority: 0 });
}

/** One line that says how a task ended and what was given back: the board shows it as the reason of the failure. */
export function lineOf(outcome: Exclude<Outcome, { status: 'succeeded' }>): string {
  const { steps, open } = outcome.cleanup;
  const released = steps.filter((step) => step.status === 'released').map((step) => step.kind);
  const held = released.length === 0 ? 'nothing was held' : `${released.length} released (${released.join(', ')})`;
  const left = open === 0 ? '' : `, ${open} still open`;
  return `${outcome.failure.code}: ${clip(outcome.failure.message, 600)} | cleaned up: ${held}${left}`;
}

function compact(outcome: Extract<Outcome, { status: 'succeeded' }>): object {
  const { task_id, status, turns, usage, cost_usd, duration_ms, cleanup } = outcome;
  const brief = {
    task_id,
    status,
    turns,
    usage,
    cost_usd,
    duration_ms,
    released: cleanup.steps.length,
    open: cleanup.open,
  };
  const room = COMPACT_BYTES - JSON.stringify(brief).length - 200;
  let answer = clip(outcome.answer.text, room);
  while (Buffer.byteLength(JSON.stringify(answer)) > room) answer = clip(answer, Math.floor(answer.length / 2));
  return { ...brief, answer };
}
