import type { Resource } from '../../agent/resource.ts';
import { isoNow } from '../../base/clock.ts';
import { announce } from '../../base/moments.ts';
import { type CleanupRecord, type CleanupStep, cleanupOf } from '../../contract/cleanup.ts';
import { ErrandError } from '../../errors.ts';
import type { RowEntry } from '../../records/task-history.ts';
import type { TaskRecords } from '../../records/task-records.ts';
import { AttemptCancelled } from '../classify.ts';
import { type Releasers, stepOf } from './releasers.ts';
import { rowIdOf, whyNotBelieved } from './row-names.ts';

/**
 * A row of this attempt. `planned`: nothing was acquired yet. `acquiring`: its acquisition runs. `tried`: it has ended, well or
 * not, so that there may be something to release.
 */
type Held = RowEntry & { live: unknown; status: 'planned' | 'acquiring' | 'tried' };

/**
 * The resources of one attempt: held in order, released in reverse.
 *
 * Invariants
 * - A resource is on the ledger before it is acquired, and as acquired before it is used: one that can outlive the
 *   process as intent first. The others end with the process whatever happens, so one write says it all.
 * - Unwinding never throws and never skips: each resource ends as released with evidence, or open and listed.
 */
export class Scope {
  readonly #records: TaskRecords;
  readonly #releasers: Releasers;
  readonly #taskId: string;
  readonly #epoch: number;
  readonly #owner: string;
  readonly #held: Held[] = [];
  readonly #counts = new Map<string, number>();
  #isUnwound = false;

  /** `owner` is the instance of the worker. */
  constructor(records: TaskRecords, releasers: Releasers, attempt: { taskId: string; epoch: number; owner: string }) {
    this.#records = records;
    this.#releasers = releasers;
    this.#taskId = attempt.taskId;
    this.#epoch = attempt.epoch;
    this.#owner = attempt.owner;
  }

  /**
   * Writes the rows, acquires the resources in order, writes that the intended ones are acquired, and returns their values.
   * @throws ErrandError `ATTEMPT_SUPERSEDED` or `ATTEMPT_CANCELLED` before anything is acquired, `INTERNAL` for a resource that
   *   no worker would release for a dead one, or whatever acquiring throws; what was acquired until then is released by
   *   {@link Scope.unwind}.
   */
  async hold<T extends Record<string, unknown>>(resources: { [K in keyof T]: Resource<T[K]> }): Promise<T> {
    this.#assertNotUnwound();
    const named = Object.entries(resources) as [string, Resource<T[keyof T]>][];
    const planned = named.map(([name, resource]) => ({ name, resource, held: this.#plan(resource) }));
    const rows = planned.map(({ held }) => held);
    const intended = rows.filter(({ row }) => row.status === 'intent');
    // Before the write: if its reply is lost, it is sent again and may be refused then, although its rows are written.
    this.#held.push(...rows);
    const flag = await this.#records.hold(this.#taskId, this.#epoch, rows);
    announce('intent', this.#taskId);
    if (flag) throw new AttemptCancelled(flag);
    const values: Record<string, unknown> = {};
    for (const { name, resource, held } of planned) {
      this.#assertNotUnwound();
      const value = await this.#acquire(resource, held);
      if (held.row.status === 'intent') held.row = { ...held.row, status: 'acquired', acquired_at: isoNow() };
      values[name] = value;
    }
    announce('acquired', this.#taskId);
    const later = intended.length > 0 ? await this.#records.hold(this.#taskId, this.#epoch, intended) : null;
    if (later) throw new AttemptCancelled(later);
    return values as T;
  }

  /**
   * Releases everything in reverse. Never throws. The rows are closed by the write that ends the attempt; until then they are
   * open, and another worker that finds them may release again what is gone.
   */
  async unwind(): Promise<CleanupRecord> {
    this.#isUnwound = true;
    const steps: CleanupStep[] = [];
    for (const held of this.#held.splice(0).reverse()) steps.push(await this.#release(held));
    return cleanupOf(steps);
  }

  async #acquire<T>(resource: Resource<T>, held: Held): Promise<T> {
    held.status = 'acquiring';
    try {
      const value = await resource.acquire();
      held.live = resource.live?.(value);
      return value;
    } finally {
      held.status = 'tried';
      // The attempt ended meanwhile and left the row open. A sweep may have released it too early.
      if (this.#isUnwound) await this.#release(held);
    }
  }

  #assertNotUnwound(): void {
    if (this.#isUnwound) throw new ErrandError('INTERNAL', 'a resource was asked for after its attempt had ended');
  }

  async #release(held: Held): Promise<CleanupStep> {
    switch (held.status) {
      case 'planned':
        return stepOf(held, 'owner', { evidence: 'verified', detail: 'it was never acquired' });
      case 'acquiring':
        // A release now could come before the acquisition. A sweep releases it later.
        return stepOf(held, 'owner', { evidence: 'unknown', detail: 'the attempt ended while it was being acquired' });
      case 'tried':
        return this.#releasers.release({ ...held, taskId: this.#taskId }, 'owner', held.live);
    }
  }

  #plan({ kind: name, ref }: Pick<Resource<unknown>, 'kind' | 'ref'>): Held {
    const kind = this.#releasers.kindOf(name);
    if (!kind) throw new ErrandError('INTERNAL', `no toolset of this worker has resources of the kind "${name}"`);
    const at = isoNow();
    const named = {
      kind: name,
      ref,
      epoch: this.#epoch,
      owner: this.#owner,
      intent_at: at,
      ...this.#releasers.needsOf(name),
    };
    const row = kind.outlivesProcess
      ? ({ status: 'intent', ...named } as const)
      : ({ status: 'acquired', acquired_at: at, ...named } as const);
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const entry = { id: rowIdOf(row, kind, count), row };
    const doubt = whyNotBelieved({ ...entry, taskId: this.#taskId }, kind);
    if (doubt !== null)
      throw new ErrandError('INTERNAL', `a resource of the kind "${name}" was not acquired: ${doubt}`);
    return { ...entry, live: undefined, status: 'planned' };
  }
}
