import { isBatchId, parseTaskId } from '../base/ids.ts';
import { repeat } from '../base/repeat.ts';
import { ATOMIC_TASKS } from '../contract/limits.ts';
import { isServed, type LiveWorker } from '../records/announcements.ts';
import type { Channels } from '../records/channels.ts';
import type { BatchHead, BatchLook } from '../records/unattended-records.ts';
import { note } from '../telemetry/observer.ts';
import { type EndDeps, endBatch, type Targets } from './end-batch.ts';
import { isHeld } from './held-batches.ts';

/** How often one of the workers looks at the unsettled batches. */
const SWEEP_MS = 5_000;
/** How long a worker keeps others from sweeping: a little less than the time between two sweeps. */
const TURN_MS = 4_500;
/**
 * How often a batch that was just cancelled is checked until it has settled. The first check comes a moment after the
 * cancel, so that running tasks are aborted first.
 */
const AGAIN_MS = 500;
/** The number of these checks; after them the sweeps continue. */
const LOOKS = 60;
/** The maximum number of batches in one sweep; the next sweep continues with the other batches. */
const BATCHES = 1_000;
/** Batches read at a time. */
const PAGE = 100;
/** The maximum number of jobs of settled batches that one sweep removes, over all batches. */
const TIDIED = 50;
/** The number of batches in which one sweep searches for tasks without a job, and the number of tasks of each. */
const SEARCHED = 5;
const SEARCHED_TASKS = 200;
/** The maximum number of batches whose lanes are kept in memory. */
const REMEMBERED = 10_000;

/** The dependencies of the sweep. Times in milliseconds. */
export type SweepDeps = Omit<EndDeps, 'isStopped'> & {
  /** How long a lane may go without a worker before its tasks fail. */
  unservedMs: number;
};

/** The state of the lanes during one sweep. */
type LanesNow = { workers: readonly LiveWorker[]; servedAt: ReadonlyMap<string, number> };

/** One sweep: the state of the lanes, the batches that wait, and how many jobs it may still remove. */
type Turn = { now: LanesNow; waiting: [string, BatchHead][]; left: number };

/**
 * Ends tasks that cannot end by themselves: cancelled tasks that no worker takes, because their lane is paused or has
 * no worker; tasks of a lane that no worker has served for too long; tasks whose job was removed.
 *
 * Invariants
 * - Any live worker does this for every lane, whichever lanes it serves itself.
 * - If a worker holds the lock of a job, it may run the task, so the task is left to it.
 * - The lanes do not change, except that each sweep removes a few jobs of settled batches.
 */
export class UnattendedSweep {
  readonly #deps: EndDeps & Omit<SweepDeps, keyof EndDeps>;
  readonly #onError = (error: unknown) =>
    note(this.#deps.observer, { name: 'fault', where: 'unattended sweep', error });
  readonly #lanes = new Map<string, readonly string[]>();
  /** Batches that were just cancelled, with the number of checks left. */
  readonly #cancelled = new Map<string, number>();
  readonly #repeating: (() => void)[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #stopListening: (() => Promise<void>) | undefined;
  #isStopped = false;
  #from = 0;

  constructor(deps: SweepDeps) {
    this.#deps = { ...deps, isStopped: () => this.#isStopped };
  }

  /** Starts sweeping, and checks a batch as soon as it is cancelled. */
  async start(channels: Channels): Promise<void> {
    this.#repeating.push(repeat(SWEEP_MS, () => this.#track(this.sweep()), this.#onError));
    this.#track(this.sweep()).catch(this.#onError);
    this.#repeating.push(repeat(AGAIN_MS, () => this.#track(this.#scheduleLook()), this.#onError));
    this.#stopListening = await channels.onCancel((id) => this.#note(parseTaskId(id)?.batchId ?? id));
  }

  /** Starts no more work. */
  stop(): void {
    this.#isStopped = true;
    for (const stop of this.#repeating.splice(0)) stop();
  }

  /** Stops, and resolves once no work is running. */
  async close(): Promise<void> {
    this.stop();
    await this.#stopListening?.();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await this.#deps.jobs.close();
  }

  /** Checks the unsettled batches, unless another worker has just done so. */
  async sweep(): Promise<void> {
    const { unattended, jobs, self } = this.#deps;
    if (this.#isStopped || !(await unattended.takeTurn(self.instance, TURN_MS))) return;
    const turn: Turn = { now: await this.#lanesNow(), waiting: [], left: TIDIED };
    for (let seen = 0; seen < BATCHES && !this.#isStopped; seen += PAGE) {
      const found = await jobs.unsettled(this.#from, PAGE);
      this.#from = found.length < PAGE ? 0 : this.#from + PAGE;
      await this.#attendAll(found, turn);
      if (found.length < PAGE) break;
    }
    // Batch jobs that no worker takes, for example while their queue is paused.
    await this.#attendAll(await jobs.ready(PAGE), { ...turn, left: 0 });
    await this.#search(turn.waiting);
  }

  async #attendAll(found: readonly string[], turn: Turn): Promise<void> {
    const batchIds = found.filter(isBatchId);
    const looks = await this.#deps.unattended.look(batchIds);
    for (const [at, batchId] of batchIds.entries()) {
      const look = looks[at];
      if (look === undefined || this.#isStopped) continue;
      if (look.status === 'unsettled') {
        turn.waiting.push([batchId, look]);
        await this.#attend(batchId, look, turn.now).catch(this.#onError);
      } else if (look.status !== 'unreadable' && turn.left > 0) {
        turn.left -= await this.#deps.jobs.tidy(batchId, turn.left);
      }
    }
  }

  /**
   * Searches for tasks whose job was removed without BullMQ, so that the batch job still waits for it. Searches a few
   * random tasks of a few random batches at a time, so a sweep stays cheap and finds each one eventually.
   */
  async #search(waiting: readonly [string, BatchHead][]): Promise<void> {
    const running = waiting.filter(([, { stage }]) => stage === 'running');
    const offset = Math.floor(Math.random() * running.length);
    for (const [batchId, head] of [...running.slice(offset), ...running.slice(0, offset)].slice(0, SEARCHED)) {
      const lanes = await this.#lanesOf(batchId);
      const page = Math.floor(Math.random() * Math.ceil(head.total / SEARCHED_TASKS));
      const count = Math.min(SEARCHED_TASKS, head.total - page * SEARCHED_TASKS);
      const indexes = Array.from({ length: count }, (_, at) => page * SEARCHED_TASKS + at);
      if (lanes) await endBatch(batchId, head, { indexes, lanes, unserved: new Map() }, this.#deps);
    }
  }

  /** Ends the tasks of one batch that must end. */
  async #attend(batchId: string, look: BatchHead, now: LanesNow): Promise<void> {
    const head = await this.#openIfAdded(batchId, look);
    const isAdded = head.stage === 'running' || head.isGateOpen;
    const lanes = await this.#lanesOf(batchId);
    if (lanes === null) return;
    const unserved = isAdded ? await this.#unservedOf(batchId, lanes, now) : new Map<string, number>();
    const isAll = head.isCancelled || unserved.size > 0;
    const targets: Targets = { indexes: isAll ? 'all' : head.cancelledTasks, lanes, unserved };
    if (isAll || head.cancelledTasks.length > 0 || head.ended >= head.total)
      await endBatch(batchId, head, targets, this.#deps);
  }

  /** The state of a batch whose producer never sealed it, although all tasks were added or no more will be. */
  async #openIfAdded(batchId: string, head: BatchHead): Promise<BatchHead> {
    if (head.stage === 'running' || head.isGateOpen) return head;
    const { batches } = this.#deps;
    if (head.total <= ATOMIC_TASKS) {
      // Its jobs were added with its batch job, in one transaction.
      await batches.seal(batchId);
      return { ...head, stage: 'running' };
    }
    return (await isHeld(batchId, this.#deps)) ? head : { ...head, isGateOpen: true };
  }

  /** The lanes of a batch that no worker has served for too long, with the start of that time. */
  async #unservedOf(batchId: string, lanes: readonly string[], now: LanesNow): Promise<Map<string, number>> {
    const idle = lanes.filter((lane) => !isServed(lane, now.workers));
    if (idle.length === 0) return new Map();
    const { nowMs, sinceMs } = await this.#deps.unattended.noteUnserved(batchId);
    const since = idle.map((lane): [string, number] => [lane, Math.max(sinceMs, now.servedAt.get(lane) ?? 0)]);
    return new Map(since.filter(([, ms]) => nowMs - ms >= this.#deps.unservedMs));
  }

  /** Notes which lanes in use are served. A worker that does not announce its lanes counts for all of them. */
  async #lanesNow(): Promise<LanesNow> {
    const workers = await this.#deps.announcements.live();
    const inUse = [...new Set([...this.#lanes.values()].flat())];
    const served = inUse.filter((lane) => isServed(lane, workers));
    return { workers, servedAt: await this.#deps.unattended.noteServed(served) };
  }

  async #lanesOf(batchId: string): Promise<readonly string[] | null> {
    const known = this.#lanes.get(batchId);
    if (known) return known;
    const lanes = await this.#deps.unattended.lanesOf(batchId);
    if (lanes) this.#lanes.set(batchId, lanes);
    for (const [oldest] of this.#lanes) {
      if (this.#lanes.size <= REMEMBERED) break;
      this.#lanes.delete(oldest);
    }
    return lanes;
  }

  #note(batchId: string): void {
    if (this.#isStopped || !isBatchId(batchId)) return;
    this.#cancelled.set(batchId, LOOKS);
  }

  async #scheduleLook(): Promise<void> {
    for (const [batchId, looks] of this.#cancelled) {
      if (this.#isStopped) return;
      const isDone = await this.#look(batchId, looks === LOOKS ? 'close' : 'settle');
      if (looks <= 1) this.#cancelled.delete(batchId);
      else if (isDone && this.#cancelled.has(batchId)) this.#cancelled.set(batchId, looks - 1);
    }
  }

  /**
   * Checks one batch that was cancelled as a whole or in part: closes its tasks, or only settles it. Returns `false` if
   * another worker is doing this and the check must be repeated.
   */
  async #look(batchId: string, what: 'close' | 'settle'): Promise<boolean> {
    const [look]: (BatchLook | undefined)[] = await this.#deps.unattended.look([batchId]);
    const lanes = look?.status === 'unsettled' ? await this.#lanesOf(batchId) : null;
    if (look?.status !== 'unsettled' || lanes === null) {
      this.#cancelled.delete(batchId);
      return true;
    }
    if (what === 'settle' && look.ended < look.total) return true;
    const indexes = look.isCancelled ? 'all' : look.cancelledTasks;
    return endBatch(batchId, look, { indexes, lanes, unserved: new Map() }, this.#deps);
  }

  /** Makes {@link UnattendedSweep.close} wait until the work has ended. */
  #track(run: Promise<void>): Promise<void> {
    this.#underWay.add(run);
    return run.finally(() => this.#underWay.delete(run));
  }
}
