import { monotonicMs } from '../../base/clock.ts';
import { repeat } from '../../base/repeat.ts';
import type { CleanupActor, CleanupStep } from '../../contract/cleanup.ts';
import type { Takers } from '../../contract/takers.ts';
import type { WorkerIdentity } from '../../contract/worker-identity.ts';
import type { HandBack } from '../../queue/hand-back.ts';
import { type IndexedRow, isOfWorker, type Row } from '../../records/row.ts';
import type { TaskRecords } from '../../records/task-records.ts';
import type { WorkerLedger } from '../../records/worker-ledger.ts';
import type { WorkerOnRecord, WorkerRecords } from '../../records/worker-records.ts';
import { during, endOfCleanup, note, type Observer } from '../../telemetry/observer.ts';
import { hasFencedItself, proofOfDeath } from './identity.ts';
import { JobsOfTheDead } from './jobs-of-the-dead.ts';
import { type Releasers, stepOf } from './releasers.ts';

/** How often a worker sends a heartbeat. */
const BEAT_MS = 5_000;
/** How often a worker looks for resources of dead workers. */
const SWEEP_MS = 10_000;
/** The time limit for the rows of one worker in a sweep, well below {@link CLAIM_MS}. The next sweep continues. */
const SWEEP_WITHIN_MS = 15_000;
/** The maximum wait before a row that could not be closed is retried. At first, every sweep retries it. */
const MAX_WAIT_MS = 600_000;
/**
 * The maximum number of failed rows in memory, because a writer of Redis can add rows without end. A dropped row is
 * retried sooner.
 */
const MAX_FAILED = 10_000;
/** The number of rows released in parallel, so that a slow release, such as a call to a provider, delays few others. */
const ROWS_AT_ONCE = 20;
/** How long a claim keeps others away if the claiming worker dies. Two at once do no harm: releases are idempotent. */
const CLAIM_MS = 30_000;
/** After this time, the record of a silent worker without resources is removed. */
const GONE_AFTER_MS = 24 * 3_600_000;

/** The dependencies of {@link Reclaim}. */
export type ReclaimDeps = {
  workers: WorkerRecords;
  records: TaskRecords;
  ledger: WorkerLedger;
  self: WorkerIdentity;
  releasers: Releasers;
  observer: Observer;
  handBack: HandBack;
};

/**
 * Releases the resources of dead workers, and hands back their jobs.
 *
 * Invariants
 * - A row is released only if its owner is provably dead or cannot use it. Otherwise it stays open and is checked again.
 * - The jobs of a dead worker return to their queues first, so that its tasks do not wait for slow releases.
 * - One worker at a time reclaims a dead worker. Releases are idempotent nevertheless.
 * - The cost of a sweep depends on the resources of dead workers, not on the running tasks.
 * - A worker or a row that this version cannot read is left alone. A newer version may have written it.
 */
export class Reclaim {
  readonly #deps: ReclaimDeps;
  readonly #repeating: (() => void)[] = [];
  /** Attempts of this worker that have not released their resources yet, as `<task id>.<epoch>`. */
  readonly #unwinding = new Set<string>();
  /** Rows that could not be closed: the wait before the next try, and its time on the monotonic clock. */
  readonly #failed = new Map<string, { waitMs: number; againMs: number }>();
  readonly #fault = (error: unknown) => note(this.#deps.observer, { name: 'fault', where: 'reclaim', error });
  /** Whether an attempt of this worker left an open row. */
  #hasLeftRows = false;

  readonly #jobs: JobsOfTheDead;
  #takers: Takers | undefined;

  constructor(deps: ReclaimDeps) {
    this.#deps = deps;
    this.#jobs = new JobsOfTheDead(deps);
  }

  /**
   * Registers this worker and sweeps once. Then sends heartbeats and sweeps until {@link Reclaim.stop}. Rejects if the
   * registration fails; a failed sweep is repeated.
   */
  async start(): Promise<void> {
    const { workers, self } = this.#deps;
    await workers.register(self);
    this.#repeating.push(repeat(BEAT_MS, () => workers.register(self, this.#takers), this.#fault));
    await this.sweep('boot_sweep').catch(this.#fault);
    this.#repeating.push(repeat(SWEEP_MS, () => this.sweep('reclaim'), this.#fault));
  }

  /** Stores which BullMQ workers take jobs for this worker, so that the jobs can be handed back if it dies. */
  async tellTakers(takers: Takers): Promise<void> {
    this.#takers = takers;
    await this.#deps.workers.register(this.#deps.self, takers);
  }

  /** Stops, and removes the record of this worker unless it has open rows. */
  async stop(): Promise<void> {
    for (const stop of this.#repeating) stop();
    await this.#deps.workers.forget(this.#deps.self.instance, 0);
  }

  /**
   * Makes the sweeps of this worker skip a running attempt, because it cleans up itself, until the returned function is
   * called. After that, the sweeps retry the rows that it left open.
   */
  markRunning(taskId: string, epoch: number): (hasOpenRows: boolean) => void {
    const name = `${taskId}.${epoch}`;
    this.#unwinding.add(name);
    return (hasOpenRows) => {
      this.#unwinding.delete(name);
      this.#hasLeftRows ||= hasOpenRows;
    };
  }

  /** Makes the next sweep check the rows of this worker: a row without a running attempt was left open. */
  scheduleLook(): void {
    this.#hasLeftRows = true;
  }

  /** Releases the resources of every worker that may be dead. A failure with one worker does not stop the sweep. */
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

  /** Tells whether to check the rows of a worker: it is dead, has fenced itself, or is this worker with open rows. */
  #mayBeDead(worker: WorkerOnRecord): boolean {
    if (worker.instance === this.#deps.self.instance) return this.#hasLeftRows;
    return hasFencedItself(worker) || proofOfDeath(worker, this.#deps.self) !== null;
  }

  /**
   * Releases the resources that earlier attempts of one task left, if their owners are dead. The other resources become
   * open steps. An owner without a record is not proven dead: Redis may have lost the record, or the owner was offline.
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

  /** Returns why a row may be released, or `null` if its owner may still use it. */
  #groundsFor(worker: Omit<WorkerOnRecord, 'openRows'>, { taskId, entry }: Row): string | null {
    const { instance } = worker;
    // An attempt that runs here uses its resources, whichever owner the row names.
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

  /** Releases the open rows of a worker within the time limit. Returns `true` if no row must be checked again. */
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

  /** Releases one row. `in_use`: its owner may use it, or only a newer version can read it. `open`: to be retried. */
  async #sweepRow(
    worker: WorkerOnRecord,
    row: IndexedRow,
    actor: CleanupActor,
  ): Promise<'released' | 'open' | 'in_use'> {
    if (row.status === 'unreadable') return 'in_use';
    const grounds = this.#groundsFor(worker, row);
    const isResponse = row.entry.kind === 'response';
    if (grounds === null) return isResponse ? 'open' : 'in_use';
    // A provider that does not answer must not delay the start of a worker.
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

  /** Tells whether a worker will not return. Its record stays as long as it has open rows. */
  #isGone(worker: WorkerOnRecord): boolean {
    return worker.silentMs > GONE_AFTER_MS || proofOfDeath(worker, this.#deps.self) !== null;
  }

  async #releaseRow(row: Row, actor: CleanupActor, grounds: string | null): Promise<CleanupStep> {
    const { owner, kind } = row.entry;
    if (grounds === null) {
      return stepOf(row, actor, { evidence: 'unknown', detail: `its owner ${owner} is not provably dead` });
    }
    const { records, ledger, releasers, observer } = this.#deps;
    const reclaim = async () => {
      const step = await releasers.release(row, actor);
      const explained = { ...step, detail: `${step.detail} (${grounds})` };
      if (isOfWorker(row)) await ledger.release(owner, [explained]);
      else await records.release(row.taskId, { owner, steps: [explained] });
      return explained;
    };
    return during(observer, { name: 'reclaim', taskId: row.taskId, row: row.id, kind, actor }, reclaim, endOfCleanup);
  }
}
