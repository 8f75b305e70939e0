import { isoNow, monotonicMs } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import type { CleanupRecord, CleanupStep, LedgerRow, ResourceKind } from '../contract/cleanup.ts';
import { ErrandError, messageOf } from '../errors.ts';
import type { RowEntry, TaskRecords } from '../records/task-records.ts';
import { type Live, OUTLIVES_PROCESS, RELEASERS } from './releasers.ts';

/** A release that takes longer is left open, so that a hung one never holds up the record. */
const RELEASE_WITHIN_MS = 10_000;

/** Something to acquire: `ref` names it before it exists, so that a crash in between leaves a name and not a leak. */
export type Resource<T> = { kind: ResourceKind; ref: string; acquire: () => T | Promise<T>; live?: (value: T) => Live };

type Held = { id: string; row: Exclude<LedgerRow, { status: 'released' }>; live: Live };

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
  readonly #redactor: Redactor;
  readonly #taskId: string;
  readonly #epoch: number;
  readonly #owner: string;
  readonly #held: Held[] = [];

  constructor(records: TaskRecords, redactor: Redactor, attempt: { taskId: string; epoch: number; owner: string }) {
    this.#records = records;
    this.#redactor = redactor;
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
    const planned = named.map(([name, resource]) => ({
      name,
      resource,
      held: this.#intend(resource),
    }));
    const rows = planned.map(({ held }) => held);
    const intended = rows.filter(({ row }) => row.status === 'intent');
    const flag = await this.#records.hold(this.#taskId, this.#epoch, rows.map(entryOf));
    this.#held.push(...rows);
    if (flag) throw new ErrandError('ATTEMPT_CANCELLED', `cancelled: ${flag.reason}`);
    const values: Record<string, unknown> = {};
    for (const { name, resource, held } of planned) {
      const value = await resource.acquire();
      if (held.row.status === 'intent') held.row = { ...held.row, status: 'acquired', acquired_at: isoNow() };
      held.live = resource.live?.(value);
      values[name] = value;
    }
    if (intended.length > 0) await this.#records.hold(this.#taskId, this.#epoch, intended.map(entryOf));
    return values as T;
  }

  /** Gives everything back in reverse and records each step. Never throws for a release that fails. */
  async unwind(): Promise<CleanupRecord> {
    const steps: CleanupStep[] = [];
    const closed: RowEntry[] = [];
    for (const held of this.#held.splice(0).reverse()) {
      const step = await this.#release(held);
      steps.push(step);
      if (step.status === 'open') continue;
      const { evidence, actor, detail, released_at } = step;
      const { kind, ref, epoch, owner, intent_at } = held.row;
      const row = {
        status: 'released',
        kind,
        ref,
        epoch,
        owner,
        intent_at,
        evidence,
        actor,
        detail,
        released_at,
      } as const;
      closed.push({ id: held.id, row });
    }
    await this.#records.release(this.#taskId, closed);
    return { version: 1, steps, open: steps.filter((step) => step.status === 'open').length };
  }

  #intend({ kind, ref }: { kind: ResourceKind; ref: string }): Held {
    const id = `${this.#epoch}.${kind}.${ref}`;
    const at = isoNow();
    const named = { kind, ref, epoch: this.#epoch, owner: this.#owner, intent_at: at };
    const row = OUTLIVES_PROCESS.has(kind)
      ? ({ status: 'intent', ...named } as const)
      : ({ status: 'acquired', acquired_at: at, ...named } as const);
    return { id, row, live: undefined };
  }

  async #release({ id, row, live }: Held): Promise<CleanupStep> {
    const start = monotonicMs();
    const { kind, ref } = row;
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => timeout.reject(new Error(`no end after ${RELEASE_WITHIN_MS} ms`)),
      RELEASE_WITHIN_MS,
    );
    const released = await Promise.race([RELEASERS[kind](ref, live), timeout.promise]).catch((error: unknown) => ({
      evidence: 'unknown' as const,
      detail: this.#redactor.scrub(messageOf(error)),
    }));
    clearTimeout(timer);
    return {
      row: id,
      kind,
      ref,
      status: released.evidence === 'unknown' ? 'open' : 'released',
      ...released,
      actor: 'owner',
      duration_ms: Math.round(monotonicMs() - start),
      released_at: isoNow(),
    };
  }
}

function entryOf({ id, row }: Held): RowEntry {
  return { id, row };
}
