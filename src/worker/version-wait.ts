import { monotonicMs } from '../base/clock.ts';
import { READER_VERSION } from '../contract/needs.ts';
import { ErrandError } from '../errors.ts';
import type { Announcements, LiveWorker } from '../records/announcements.ts';
import type { TooNew } from '../records/opening.ts';

/** The first delay before a job that is too new is checked again. It doubles with every check. */
const FIRST_MS = 1_000;
const MAX_MS = 30_000;
/** The delay while a newer worker serves the lane: long enough for that worker to take the job first. */
const WITH_READER_MS = 500;
/** The delay that each waiting job of the batch adds, so that a batch costs at most 100 checks a second. */
const PER_WAITING_MS = 10;
const MAX_CROWDED_MS = 600_000;
/** The share of the delay that is added at random, so that jobs do not return at the same time. */
const JITTER = 0.25;
/** How long the list of live workers is cached. */
const REMEMBERED_MS = 1_000;

/** What to do with a job or record that is too new: check again later, or fail. `what`: what the worker must have. */
export type Waiting =
  | { next: 'wait'; delayMs: number; hasReader: boolean; what: string }
  | { next: 'fail'; error: ErrandError };

/** The reader version that a job gets on a worker that lacks its toolsets. No worker of this version has it. */
export const LACKS_TOOLSETS = READER_VERSION + 1;

/** The worker that a job waits for: the lane that it must serve, `null` for any, and the toolsets that it must have. */
export type Wanted = { lane: string | null; toolsets?: readonly string[] };

/**
 * Decides how long jobs and records of a newer version, and tasks with toolsets that this worker lacks, wait for a
 * worker that can act on them.
 *
 * The wait expires only without such a worker: as long as one is alive and serves the lane, the wait starts over.
 */
export class VersionWait {
  readonly #announcements: Announcements;
  readonly #waitMs: number;
  #known: { atMs: number; workers: Promise<LiveWorker[]> } | undefined;

  constructor(announcements: Announcements, waitMs: number) {
    this.#announcements = announcements;
    this.#waitMs = waitMs;
  }

  /** Decides about one job: the job of a task in its lane, or the job of a batch, which any worker may take. */
  async waitFor({ waitedMs, looks, waiting, ...found }: TooNew, wanted: Wanted): Promise<Waiting> {
    const needs = needsBeside(found.needs, wanted);
    const what = nameOf(needs, wanted);
    const hasReader = (await this.#live()).some((worker) => canAct(worker, needs, wanted));
    const crowdedMs = Math.min(waiting * PER_WAITING_MS, MAX_CROWDED_MS);
    if (hasReader) return { next: 'wait', hasReader, what, delayMs: spread(Math.max(WITH_READER_MS, crowdedMs)) };
    const leftMs = this.#waitMs - waitedMs;
    if (leftMs <= 0) return { next: 'fail', error: errorAfter(waitedMs, needs, wanted) };
    const ownMs = Math.min(FIRST_MS * 2 ** Math.min(looks - 1, 20), MAX_MS);
    const delayMs = Math.min(spread(Math.max(ownMs, crowdedMs)), Math.max(leftMs, PER_WAITING_MS));
    return { next: 'wait', hasReader, what, delayMs };
  }

  /** The live workers. Many jobs ask at the same time, so the answer is cached for a moment. */
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

/** Names what a worker must have for the job. */
function nameOf(needs: number, { toolsets = [] }: Wanted): string {
  return needs <= READER_VERSION && toolsets.length > 0
    ? `${toolsets.length === 1 ? 'toolset' : 'toolsets'} ${toolsets.join(', ')}`
    : `reader version ${needs}`;
}

/** The reader version that a job needs beside its toolsets. */
function needsBeside(needs: number, { toolsets = [] }: Wanted): number {
  return needs === LACKS_TOOLSETS && toolsets.length > 0 ? READER_VERSION : needs;
}

function canAct({ announcement }: LiveWorker, needs: number, { lane, toolsets = [] }: Wanted): boolean {
  if (!announcement || announcement.reader < needs) return false;
  const has = announcement.toolsets ?? [];
  if (toolsets.some((name) => !has.includes(name))) return false;
  return lane === null ? announcement.lanes.length > 0 : announcement.lanes.includes(lane);
}

function spread(delayMs: number): number {
  return Math.ceil(delayMs * (1 + Math.random() * JITTER));
}

function errorAfter(waitedMs: number, needs: number, { lane, toolsets = [] }: Wanted): ErrandError {
  const worker = lane === null ? 'live worker' : `worker that serves lane "${lane}"`;
  const waited = `waited ${Math.round(waitedMs / 1000)} s`;
  if (needs <= READER_VERSION && toolsets.length > 0) {
    const message = `no ${worker} has the ${nameOf(needs, { lane, toolsets })}; ${waited}`;
    return new ErrandError('TOOLSET_UNSERVED', message);
  }
  const message = `needs reader version ${needs}, but no ${worker} has it; ${waited}`;
  return new ErrandError('VERSION_TOO_NEW', message, { needs });
}
