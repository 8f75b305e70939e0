import { monotonicMs } from '../base/clock.ts';
import { ErrandError } from '../errors.ts';
import type { Announcements, LiveWorker } from '../records/announcements.ts';
import type { TooNew } from '../records/opening.ts';

/** The first pause before a job that is too new is looked at again; it doubles with every look. */
const FIRST_MS = 1_000;
const MAX_MS = 30_000;
/** The pause while a newer worker serves the lane: long enough for that worker to take the job first. */
const WITH_READER_MS = 500;
/** The pause that each waiting job of the batch adds, so that a batch costs at most 100 looks a second. */
const PER_WAITING_MS = 10;
const MAX_CROWDED_MS = 600_000;
/** The share of the pause over which the returns of jobs are spread. */
const JITTER = 0.25;
/** How long a worker uses its last reading of the other workers. */
const REMEMBERED_MS = 1_000;

/** What to do with a job or record that is too new: look again later, or fail. */
export type Waiting = { next: 'wait'; delayMs: number; hasReader: boolean } | { next: 'fail'; error: ErrandError };

/**
 * Decides how long jobs and records of a newer version wait for a worker that can act on them.
 *
 * The wait runs out only without such a worker: while such a worker is alive and serves the lane, the wait starts over.
 */
export class VersionWait {
  readonly #announcements: Announcements;
  readonly #waitMs: number;
  #known: { atMs: number; workers: Promise<LiveWorker[]> } | undefined;

  constructor(announcements: Announcements, waitMs: number) {
    this.#announcements = announcements;
    this.#waitMs = waitMs;
  }

  /**
   * Decides about one job in the lane of a provider; `null` for a job that any worker may take, such as the job of a batch.
   */
  async waitFor({ needs, waitedMs, looks, waiting }: TooNew, lane: string | null): Promise<Waiting> {
    const hasReader = (await this.#live()).some((worker) => canAct(worker, needs, lane));
    const crowdedMs = Math.min(waiting * PER_WAITING_MS, MAX_CROWDED_MS);
    if (hasReader) return { next: 'wait', hasReader, delayMs: spread(Math.max(WITH_READER_MS, crowdedMs)) };
    const leftMs = this.#waitMs - waitedMs;
    if (leftMs <= 0) return { next: 'fail', error: tooNew(needs, lane, waitedMs) };
    const ownMs = Math.min(FIRST_MS * 2 ** Math.min(looks - 1, 20), MAX_MS);
    const delayMs = Math.min(spread(Math.max(ownMs, crowdedMs)), Math.max(leftMs, PER_WAITING_MS));
    return { next: 'wait', hasReader, delayMs };
  }

  /** The live workers. Many jobs ask at once, so they share one answer for a moment. */
  async #live(): Promise<LiveWorker[]> {
    const known = this.#known;
    if (known && monotonicMs() - known.atMs < REMEMBERED_MS) return known.workers;
    const workers = this.#announcements.live();
    this.#known = { atMs: monotonicMs(), workers };
    workers.catch(() => {
      this.#known = undefined;
    });
    return workers;
  }
}

function canAct({ announcement }: LiveWorker, needs: number, lane: string | null): boolean {
  if (!announcement || announcement.reader < needs) return false;
  return lane === null ? announcement.lanes.length > 0 : announcement.lanes.includes(lane);
}

function spread(delayMs: number): number {
  return Math.ceil(delayMs * (1 + Math.random() * JITTER));
}

function tooNew(needs: number, lane: string | null, waitedMs: number): ErrandError {
  const where = lane === null ? 'is alive' : `serves the lane of "${lane}"`;
  const waited = `waited ${Math.round(waitedMs / 1000)} s`;
  const message = `needs reader version ${needs}, and no such worker ${where}; ${waited}`;
  return new ErrandError('VERSION_TOO_NEW', message, { needs });
}
