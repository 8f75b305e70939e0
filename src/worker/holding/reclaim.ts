import { monotonicMs } from '../../base/clock.ts';
import { repeat } from '../../base/repeat.ts';
import type { CleanupActor, CleanupStep } from '../../contract/cleanup.ts';
import type { Takers } from '../../contract/takers.ts';
import type { WorkerIdentity } from '../../contract/worker-identity.ts';
import type { HandBack } from '../../queue/hand-back.ts';
import type { IndexedRow, Row } from '../../records/row.ts';
import type { TaskRecords } from '../../records/task-records.ts';
import type { WorkerOnRecord, WorkerRecords } from '../../records/worker-records.ts';
import { during, endOfCleanup, note, type Observer } from '../../telemetry/observer.ts';
import { hasFencedItself, proofOfDeath } from './identity.ts';
import { JobsOfTheDead } from './jobs-of-the-dead.ts';
import { type Releasers, stepOf } from './releasers.ts';

/** How often a worker says that it lives. */
const BEAT_MS = 5_000;
/** How often a worker looks for what dead ones left. */
const SWEEP_MS = 10_000;
/** A sweep of one worker's rows stops after so long, well before its claim lapses; the rest follow with the next. */
const SWEEP_WITHIN_MS = 15_000;
/** A row that cannot be closed is tried with every sweep at first, and at least this often. */
const MAX_WAIT_MS = 600_000;
/**
 * The maximum number of failed rows in memory, because a writer of Redis can add rows without end. A dropped row is retried
 * sooner.
 */
const MAX_FAILED = 10_000;
/** Rows released side by side: one that takes its time, such as a provider that does not answer, holds few others up. */
const ROWS_AT_ONCE = 20;
/** A reclaimer that dies in its sweep holds others up for so long. Two at once do no harm: releases are idempotent. */
const CLAIM_MS = 30_000;
/** After so long a silent worker that holds nothing is taken off the record. */
const GONE_AFTER_MS = 24 * 3_600_000;

/** What reclaiming takes. */
export type ReclaimDeps = {
  workers: WorkerRecords;
  records: TaskRecords;
  self: WorkerIdentity;
  releasers: Releasers;
  observer: Observer;
  handBack: HandBack;
};

/**
 * Gives back what dead workers held.
 *
 * Invariants
 * - Only a provably dead owner is reclaimed. A row whose owner may live stays open, visible, and is looked at again.
 * - The jobs of a dead worker go back to their queues first, so that its tasks do not wait for slow releases.
 * - One reclaimer at a time for one dead worker; releases are idempotent all the same.
 * - A sweep costs what the dead held, not what is running.
 * - A worker or a row that cannot be read here, as those of a newer version may not be, is left alone.
 */
export class Reclaim {
  readonly #deps: ReclaimDeps;
  readonly #repeating: (() => void)[] = [];
  /** Attempts of this worker that have not unwound yet, as `<task id>.<epoch>`. */
  readonly #unwinding = new Set<string>();
  /** Rows that could not be closed: how long each waits, and until when, by the monotonic clock. */
  readonly #failed = new Map<string, { waitMs: number; againMs: number }>();
  readonly #fault = (error: unknown) => note(this.#deps.observer, { name: 'fault', where: 'reclaim', error });
  /** Whether an attempt of this worker left a row that it could not close. */
  #hasLeftRows = false;

  readonly #jobs: JobsOfTheDead;
  #takers: Takers | undefined;

  constructor(deps: ReclaimDeps) {
    this.#deps = deps;
    this.#jobs = new JobsOfTheDead(deps);
  }

  /**
   * Puts this worker on record, sweeps once, and goes on beating and sweeping until {@link Reclaim.stop}. Rejects where it
   * does not get on record; a sweep that fails is made again.
   */
  async start(): Promise<void> {
    const { workers, self } = this.#deps;
    await workers.register(self);
    this.#repeating.push(repeat(BEAT_MS, () => workers.register(self, this.#takers), this.#fault));
    await this.sweep('boot_sweep').catch(this.#fault);
    this.#repeating.push(repeat(SWEEP_MS, () => this.sweep('reclaim'), this.#fault));
  }

  /** Stores which BullMQ worker takes the jobs of each queue for this worker, so that they can be handed back if it dies. */
  async tellTakers(takers: Takers): Promise<void> {
    this.#takers = takers;
    await this.#deps.workers.register(this.#deps.self, takers);
  }

  /** Stops, and takes this worker off the record unless something is still open. */
  async stop(): Promise<void> {
    for (const stop of this.#repeating) stop();
    await this.#deps.workers.forget(this.#deps.self.instance, 0);
  }

  /**
   * Keeps this worker's own sweeps away from an attempt until the returned function is called: it cleans up itself. What
   * it could not close is tried again by the sweeps.
   */
  markRunning(taskId: string, epoch: number): (hasOpenRows: boolean) => void {
    const name = `${taskId}.${epoch}`;
    this.#unwinding.add(name);
    return (hasOpenRows) => {
      this.#unwinding.delete(name);
      this.#hasLeftRows ||= hasOpenRows;
    };
  }

  /** Has the next sweep look at this worker's own rows: one was left open that is no attempt's any more. */
  scheduleLook(): void {
    this.#hasLeftRows = true;
  }

  /** Looks at every worker on record that may be dead, and releases what it held; what fails with one holds up no other. */
  async sweep(actor: CleanupActor): Promise<void> {
    for (const worker of await this.#deps.workers.list()) {
      if (this.#mayBeDead(worker)) await this.attend(worker, actor).catch(this.#fault);
    }
  }

  /** Hands back the jobs of a worker if its death is proven, and releases its resources. */
  async attend(worker: WorkerOnRecord, actor: CleanupActor): Promise<void> {
    const proof = proofOfDeath(worker, this.#deps.self);
    if (proof !== null) await this.#jobs.handBack(worker, proof).catch(this.#fault);
    await this.#releaseAll(worker, actor);
  }

  /** Tells whether looking at a worker's rows is worth it: it is dead, has fenced itself, or is this very one. */
  #mayBeDead(worker: WorkerOnRecord): boolean {
    if (worker.instance === this.#deps.self.instance) return this.#hasLeftRows;
    return hasFencedItself(worker) || proofOfDeath(worker, this.#deps.self) !== null;
  }

  /**
   * Releases what earlier attempts of one task left, as far as their owners are dead; open steps tell of the rest. That an
   * owner is not on record proves nothing: Redis may have lost it, or it may have been cut off for long.
   */
  async ofTask(rows: Row[]): Promise<CleanupStep[]> {
    if (rows.length === 0) return [];
    const known = new Map((await this.#deps.workers.list()).map((worker) => [worker.instance, worker]));
    const steps: CleanupStep[] = [];
    for (const row of rows) {
      const { owner } = row.entry;
      const worker = known.get(owner) ?? { instance: owner, identity: null, silentMs: 0 };
      steps.push(await this.#releaseRow(row, 'reclaim', this.#groundsFor(worker, row)));
    }
    return steps;
  }

  /** Why a row may be released, or `null` where its owner may still use it. */
  #groundsFor(worker: Omit<WorkerOnRecord, 'openRows'>, { taskId, entry }: Row): string | null {
    const { instance } = worker;
    // A resource of an attempt that runs here is in use, whichever owner its row names.
    if (this.#unwinding.has(`${taskId}.${entry.epoch}`)) return null;
    if (instance === this.#deps.self.instance) return 'its attempt has ended';
    const proof = proofOfDeath(worker, this.#deps.self);
    if (proof !== null) return `${instance}: ${proof}`;
    const isFenced = hasFencedItself(worker) && !this.#deps.releasers.outlivesProcess(entry.kind);
    return isFenced ? `${instance}: no heartbeat for ${Math.round(worker.silentMs / 1000)} s` : null;
  }

  async #releaseAll(worker: WorkerOnRecord, actor: CleanupActor): Promise<void> {
    const { workers, self } = this.#deps;
    const { instance } = worker;
    const isOwn = instance === self.instance;
    if (!(await workers.claim(instance, self.instance, CLAIM_MS))) return;
    if (isOwn) this.#hasLeftRows = false;
    try {
      const isDone = await this.#releaseRows(worker, actor);
      if (isOwn && !isDone) this.#hasLeftRows = true;
      if (!isOwn && this.#isGone(worker)) await workers.forget(instance, worker.silentMs);
    } catch (error) {
      if (isOwn) this.#hasLeftRows = true;
      throw error;
    } finally {
      await workers.unclaim(instance);
    }
  }

  /** Goes through the open rows of a worker until the time of a sweep is up; tells whether none is to be looked at again. */
  async #releaseRows(worker: WorkerOnRecord, actor: CleanupActor): Promise<boolean> {
    const until = monotonicMs() + SWEEP_WITHIN_MS;
    let isDone = true;
    for (let kept = 0; monotonicMs() < until; ) {
      const rows = await this.#deps.workers.openRowsOf(worker.instance, ROWS_AT_ONCE, kept);
      if (rows.length === 0) return isDone;
      const fates = await Promise.all(rows.map((row) => this.#sweepRow(worker, row, actor)));
      kept += fates.filter((fate) => fate !== 'released').length;
      isDone &&= !fates.includes('open');
    }
    return false;
  }

  /** `in_use`: the row of an attempt that runs here, or one that only a newer version can read. `open`: to be tried again. */
  async #sweepRow(
    worker: WorkerOnRecord,
    row: IndexedRow,
    actor: CleanupActor,
  ): Promise<'released' | 'open' | 'in_use'> {
    if (row.status === 'unreadable') return 'in_use';
    const grounds = this.#groundsFor(worker, row);
    const isResponse = row.entry.kind === 'response';
    if (grounds === null) return isResponse ? 'open' : 'in_use';
    // A provider that does not answer must not hold up the start of a worker.
    if (isResponse && actor === 'boot_sweep') return 'open';
    const name = `${row.taskId}/${row.id}`;
    const failed = this.#failed.get(name);
    if (failed && monotonicMs() < failed.againMs) return 'open';
    const step = await this.#releaseRow(row, actor, grounds);
    if (step.status === 'released') {
      this.#failed.delete(name);
      return 'released';
    }
    const waitMs = Math.min(2 * (failed?.waitMs ?? SWEEP_MS / 2), MAX_WAIT_MS);
    this.#failed.set(name, { waitMs, againMs: monotonicMs() + waitMs - SWEEP_MS / 2 });
    const [first = ''] = this.#failed.keys();
    if (this.#failed.size > MAX_FAILED) this.#failed.delete(first);
    return 'open';
  }

  /** Tells whether a worker will not come back; one that still holds something stays on record all the same. */
  #isGone(worker: WorkerOnRecord): boolean {
    return worker.silentMs > GONE_AFTER_MS || proofOfDeath(worker, this.#deps.self) !== null;
  }

  async #releaseRow(row: Row, actor: CleanupActor, grounds: string | null): Promise<CleanupStep> {
    const { owner, kind } = row.entry;
    if (grounds === null) {
      return stepOf(row, actor, { evidence: 'unknown', detail: `its owner ${owner} is not provably dead` });
    }
    const { records, releasers, observer } = this.#deps;
    const reclaim = async () => {
      const step = await releasers.release(row, actor);
      const told = { ...step, detail: `${step.detail} (${grounds})` };
      await records.release(row.taskId, { owner, steps: [told] });
      return told;
    };
    return during(observer, { name: 'reclaim', taskId: row.taskId, row: row.id, kind, actor }, reclaim, endOfCleanup);
  }
}
