import { monotonicMs, sleep } from '../base/clock.ts';
import { ATOMIC_TASKS } from '../contract/limits.ts';
import type { UnattendedJobs } from '../queue/unattended-jobs.ts';
import type { UnattendedRecords } from '../records/unattended-records.ts';

/** How long tasks wait in their places after their batch was first seen held. Most batches are complete sooner. */
const IN_PLACE_MS = 500;
const LOOK_MS = 50;
/** The minimum and maximum delay of a held task. The delay is half the time that its batch has been held here. */
const MIN_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** The maximum number of held batches in memory. */
const REMEMBERED = 200;

/** The dependencies of the check of a batch. */
export type HoldDeps = { unattended: UnattendedRecords; jobs: UnattendedJobs };

/**
 * Tells whether the tasks of a batch are held because its producer may still be adding tasks. Opens the gate in the
 * record when it is open in the queue: the producer was silent for too long, or died after it had added all tasks.
 */
export async function isHeld(batchId: string, { unattended, jobs }: HoldDeps): Promise<boolean> {
  const [look] = await unattended.look([batchId]);
  if (look?.status !== 'unsettled' || look.stage === 'running' || look.isGateOpen) return false;
  if (look.total <= ATOMIC_TASKS) return false;
  if (await jobs.isGateShut(batchId)) return true;
  await jobs.promoteGate(batchId);
  await unattended.openGate(batchId);
  return false;
}

type Hold = { sinceMs: number; nextLookMs: number; looking: Promise<number> | undefined };

/**
 * The held batches whose tasks this worker has taken. One check of a batch serves all its tasks, so a large batch costs
 * little while it is being added.
 */
export class HeldBatches {
  readonly #deps: HoldDeps;
  readonly #held = new Map<string, Hold>();

  constructor(deps: HoldDeps) {
    this.#deps = deps;
  }

  /** Notes that a task of the batch was held. */
  note(batchId: string): void {
    if (this.#held.has(batchId)) return;
    const now = monotonicMs();
    this.#held.set(batchId, { sinceMs: now, nextLookMs: now, looking: undefined });
    for (const [oldest] of this.#held) {
      if (this.#held.size <= REMEMBERED) break;
      this.#held.delete(oldest);
    }
  }

  /**
   * How long to delay a task of the batch, in milliseconds; 0 if it may be opened. May wait a moment for the answer.
   */
  async delayMs(batchId: string): Promise<number> {
    const hold = this.#held.get(batchId);
    if (hold === undefined) return 0;
    if (hold.looking === undefined && monotonicMs() < hold.nextLookMs) return delayOf(hold);
    hold.looking ??= this.#look(batchId, hold).finally(() => {
      hold.looking = undefined;
    });
    return hold.looking;
  }

  async #look(batchId: string, hold: Hold): Promise<number> {
    for (;;) {
      if (!(await isHeld(batchId, this.#deps))) {
        this.#held.delete(batchId);
        return 0;
      }
      if (monotonicMs() - hold.sinceMs >= IN_PLACE_MS) break;
      await sleep(LOOK_MS);
    }
    const delayMs = delayOf(hold);
    hold.nextLookMs = monotonicMs() + delayMs;
    return delayMs;
  }
}

function delayOf({ sinceMs }: Hold): number {
  return Math.round(Math.min(Math.max((monotonicMs() - sinceMs) / 2, MIN_DELAY_MS), MAX_DELAY_MS));
}
