import type { CleanupActor, CleanupStep } from '../contract/cleanup.ts';
import type { WorkerIdentity } from '../contract/worker-identity.ts';
import type { RowEntry } from '../records/task-history.ts';
import type { TaskRecords } from '../records/task-records.ts';
import type { OpenRow, WorkerOnRecord, WorkerRecords } from '../records/worker-records.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { proofOfDeath } from './identity.ts';
import { OUTLIVES_PROCESS, type Releasers, stepOf } from './releasers.ts';

/** How often a worker says that it lives. */
const BEAT_MS = 5_000;
/** How often a worker looks for what dead ones left. */
const SWEEP_MS = 10_000;
/** Rows released in one sweep for one dead worker; the rest follow with the next. */
const ROWS_PER_SWEEP = 500;
/** Rows released side by side: one that takes its time, such as a provider that does not answer, holds few others up. */
const ROWS_AT_ONCE = 20;
/** A reclaimer that dies in its sweep holds others up for so long. Two at once do no harm: releases are idempotent. */
const CLAIM_MS = 30_000;
/**
 * After so long without a sign of life a worker has fenced itself: its lock has lapsed by its own clock, so its calls
 * are closed. What cannot outlive its process is then as good as gone.
 */
const FENCED_AFTER_MS = 180_000;
/** After so long a silent worker that holds nothing is taken off the record. */
const GONE_AFTER_MS = 24 * 3_600_000;

/** What reclaiming takes. */
export type ReclaimDeps = {
  workers: WorkerRecords;
  records: TaskRecords;
  self: WorkerIdentity;
  releasers: Releasers;
  telemetry: Telemetry;
};

/**
 * Gives back what dead workers held.
 *
 * Invariants
 * - Only a provably dead owner is reclaimed. A row whose owner may live stays open, visible, and is looked at again.
 * - One reclaimer at a time for one dead worker; releases are idempotent all the same.
 * - A sweep costs what the dead held, not what is running.
 */
export class Reclaim {
  readonly #deps: ReclaimDeps;
  readonly #timers: NodeJS.Timeout[] = [];
  /** Attempts of this worker that have not unwound yet, as `<task id>.<epoch>`. */
  readonly #unwinding = new Set<string>();
  /** Whether an attempt of this worker left a row that it could not close. */
  #hasLeftRows = false;

  constructor(deps: ReclaimDeps) {
    this.#deps = deps;
  }

  /** Puts this worker on record, sweeps once, and goes on beating and sweeping until {@link Reclaim.stop}. */
  async start(): Promise<void> {
    const { workers, self, telemetry } = this.#deps;
    await workers.register(self);
    const fault = (error: unknown) => telemetry.fault('reclaim', error);
    this.#timers.push(setInterval(() => workers.beat(self.instance).catch(fault), BEAT_MS));
    await this.sweep('boot_sweep');
    this.#timers.push(setInterval(() => this.sweep('reclaim').catch(fault), SWEEP_MS));
  }

  /** Stops, and takes this worker off the record unless something is still open. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#deps.workers.forget(this.#deps.self.instance);
  }

  /**
   * Keeps this worker's own sweeps away from an attempt until the returned function is called: it cleans up itself. What
   * it could not close is tried again by the sweeps.
   */
  leaveAlone(taskId: string, epoch: number): (hasOpenRows: boolean) => void {
    const name = `${taskId}.${epoch}`;
    this.#unwinding.add(name);
    return (hasOpenRows) => {
      this.#unwinding.delete(name);
      this.#hasLeftRows ||= hasOpenRows;
    };
  }

  /** Has the next sweep look at this worker's own rows: one was left open that is no attempt's any more. */
  lookAgain(): void {
    this.#hasLeftRows = true;
  }

  /** Looks at every worker on record that has something open, and releases what the dead ones held. */
  async sweep(actor: CleanupActor): Promise<void> {
    for (const worker of await this.#deps.workers.list()) {
      if (this.#mayHoldInVain(worker)) await this.#releaseAll(worker, actor);
    }
  }

  /** Tells whether looking at a worker's rows is worth it: it is dead, has fenced itself, or is this very one. */
  #mayHoldInVain(worker: WorkerOnRecord): boolean {
    if (worker.identity.instance === this.#deps.self.instance) return this.#hasLeftRows;
    return worker.silentMs > FENCED_AFTER_MS || proofOfDeath(worker, this.#deps.self) !== null;
  }

  /** Releases what earlier attempts of one task left, as far as their owners are dead; open steps tell of the rest. */
  async ofTask(taskId: string, rows: RowEntry[]): Promise<CleanupStep[]> {
    if (rows.length === 0) return [];
    const known = new Map((await this.#deps.workers.list()).map((worker) => [worker.identity.instance, worker]));
    const steps: CleanupStep[] = [];
    for (const entry of rows) {
      const worker = known.get(entry.row.owner);
      // A worker is taken off the record only once it is dead or has ended, so a row of one that is not there is its last.
      const grounds = worker ? this.#groundsFor(worker, { ...entry, taskId }) : 'its owner is on record no more';
      steps.push(await this.#releaseRow({ ...entry, taskId }, 'reclaim', grounds));
    }
    return steps;
  }

  /** Why a row may be released, or `null` where its owner may still use it. */
  #groundsFor(worker: WorkerOnRecord, { taskId, row }: OpenRow): string | null {
    const { instance } = worker.identity;
    if (instance === this.#deps.self.instance) {
      return this.#unwinding.has(`${taskId}.${row.epoch}`) ? null : 'its attempt has ended';
    }
    const proof = proofOfDeath(worker, this.#deps.self);
    if (proof !== null) return `${instance}: ${proof}`;
    const isFenced = worker.silentMs > FENCED_AFTER_MS && !OUTLIVES_PROCESS.has(row.kind);
    return isFenced ? `${instance}: no sign of life for ${Math.round(worker.silentMs / 1000)} s` : null;
  }

  async #releaseAll(worker: WorkerOnRecord, actor: CleanupActor): Promise<void> {
    const { workers, self } = this.#deps;
    const { instance } = worker.identity;
    const isOwn = instance === self.instance;
    if (!(await workers.claim(instance, self.instance, CLAIM_MS))) return;
    if (isOwn) this.#hasLeftRows = false;
    try {
      const rows = await workers.openRowsOf(instance, ROWS_PER_SWEEP);
      for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
        const releases = rows.slice(from, from + ROWS_AT_ONCE).map(async (row) => {
          const grounds = this.#groundsFor(worker, row);
          if (grounds === null) return;
          const step = await this.#releaseRow(row, actor, grounds);
          if (isOwn && step.status === 'open') this.#hasLeftRows = true;
        });
        await Promise.all(releases);
      }
      if (!isOwn && this.#isGone(worker)) await workers.forget(instance);
    } finally {
      await workers.unclaim(instance);
    }
  }

  /** Tells whether a worker will not come back; one that still holds something stays on record all the same. */
  #isGone(worker: WorkerOnRecord): boolean {
    return worker.silentMs > GONE_AFTER_MS || proofOfDeath(worker, this.#deps.self) !== null;
  }

  async #releaseRow(row: OpenRow, actor: CleanupActor, grounds: string | null): Promise<CleanupStep> {
    const { records, releasers, telemetry } = this.#deps;
    const { owner } = row.row;
    if (grounds === null) {
      return stepOf(row, actor, { evidence: 'unknown', detail: `its owner ${owner} is not provably dead` });
    }
    const step = await releasers.giveBack(row, actor);
    const told = { ...step, detail: `${step.detail} (${grounds})` };
    await records.release(row.taskId, { owner, steps: [told] });
    telemetry.reclaimed(row.taskId, told);
    return told;
  }
}
