import { isoNow } from '../../base/clock.ts';
import { announce } from '../../base/moments.ts';
import { type CleanupRecord, type CleanupStep, cleanupOf, type ResourceKind } from '../../contract/cleanup.ts';
import type { RowEntry } from '../../records/task-history.ts';
import type { TaskRecords } from '../../records/task-records.ts';
import { AttemptCancelled } from '../classify.ts';
import { type Live, OUTLIVES_PROCESS, type Releasers, stepOf } from './releasers.ts';
import { rowIdOf } from './row-names.ts';

/** Something to acquire: `ref` names it before it exists, so that a crash in between leaves a name and not a leak. */
export type Resource<T> = { kind: ResourceKind; ref: string; acquire: () => T | Promise<T>; live?: (value: T) => Live };

/** A row of this attempt. `isTried`: acquiring was begun, so that there may be something to give back. */
type Held = RowEntry & { live: Live; isTried: boolean };

/**
 * The resources of one attempt: held in order, given back in reverse.
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
  #processes = 0;

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
   * @throws ErrandError `ATTEMPT_SUPERSEDED` or `ATTEMPT_CANCELLED` before anything is acquired, or whatever acquiring
   *   throws; what was acquired until then is given back by {@link Scope.unwind}.
   */
  async hold<T extends Record<string, unknown>>(resources: { [K in keyof T]: Resource<T[K]> }): Promise<T> {
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
      held.isTried = true;
      const value = await resource.acquire();
      if (held.row.status === 'intent') held.row = { ...held.row, status: 'acquired', acquired_at: isoNow() };
      held.live = resource.live?.(value);
      values[name] = value;
    }
    announce('acquired', this.#taskId);
    const later = intended.length > 0 ? await this.#records.hold(this.#taskId, this.#epoch, intended) : null;
    if (later) throw new AttemptCancelled(later);
    return values as T;
  }

  /**
   * Gives everything back in reverse. Never throws. The rows are closed by whatever ends the attempt on record, in the
   * same write; until then they are open, and whoever finds them may give back once more what is gone.
   */
  async unwind(): Promise<CleanupRecord> {
    const steps: CleanupStep[] = [];
    for (const held of this.#held.splice(0).reverse()) {
      steps.push(
        held.isTried
          ? await this.#releasers.release({ ...held, taskId: this.#taskId }, 'owner', held.live)
          : stepOf(held, 'owner', { evidence: 'verified', detail: 'it was never acquired' }),
      );
    }
    return cleanupOf(steps);
  }

  #plan({ kind, ref }: { kind: ResourceKind; ref: string }): Held {
    const at = isoNow();
    const named = { kind, ref, epoch: this.#epoch, owner: this.#owner, intent_at: at };
    const row = OUTLIVES_PROCESS.has(kind)
      ? ({ status: 'intent', ...named } as const)
      : ({ status: 'acquired', acquired_at: at, ...named } as const);
    const id = kind === 'process' ? `${this.#epoch}.process.${++this.#processes}` : rowIdOf(row);
    return { id, row, live: undefined, isTried: false };
  }
}
