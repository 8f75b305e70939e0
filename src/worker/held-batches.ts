import { monotonicMs, sleep } from '../base/clock.ts';
import { ATOMIC_TASKS } from '../contract/limits.ts';
import type { UnattendedJobs } from '../queue/unattended-jobs.ts';
import type { UnattendedRecords } from '../records/unattended-records.ts';

/** For so long after a batch was first seen held, its tasks wait in their places: most batches are added sooner. */
const IN_PLACE_MS = 500;
const LOOK_MS = 50;
/** How long a held task is put off: half as long as its batch has been held here, within these. */
const SHORTEST_MS = 100;
const LONGEST_MS = 5_000;
/** Held batches that are remembered. */
const REMEMBERED = 200;

/** What looking at a batch takes. */
export type HoldDeps = { unattended: UnattendedRecords; jobs: UnattendedJobs };

/**
 * Tells whether the tasks of a batch are held because its producer may still be adding tasks. Opens the gate on the record
 * once it is open in the queue: its producer was silent for too long, or died after everything was in.
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
 * The batches whose tasks this worker met while they were being added. One look at a batch serves all its tasks, so that a
 * large batch costs its workers little while it comes in.
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

  /** How long to put a task of the batch off, in milliseconds; 0 if it may be opened. May wait a moment for that. */
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
  return Math.round(Math.min(Math.max((monotonicMs() - sinceMs) / 2, SHORTEST_MS), LONGEST_MS));
}
