import type { Resource } from '../../agent/resource.ts';
import { isoNow } from '../../base/clock.ts';
import type { CleanupRecord } from '../../contract/cleanup.ts';
import { typeOf } from '../../contract/plain-json.ts';
import { ErrandError } from '../../errors.ts';
import type { Row } from '../../records/row.ts';
import type { TaskRecords } from '../../records/task-records.ts';
import { during } from '../../telemetry/observer.ts';
import { AttemptCancelled } from '../classify.ts';
import { rowIdOf, whyNotBelieved } from './row-names.ts';
import { type Held, releaseHeld, type UnwindDeps, unwind } from './unwind.ts';

/** The maximum length of a reference: a longer one would not fit into a write to Redis. A path fits. */
const MAX_REF_CHARS = 8_192;

/** The dependencies of {@link Scope}. */
export type ScopeDeps = UnwindDeps & { records: Pick<TaskRecords, 'hold'> };

/** The attempt that holds resources. `owner` is the instance of its worker. */
export type Holder = { taskId: string; epoch: number; owner: string };

/** A resource whose row is planned or written, and that is not acquired yet. */
type Planned<T> = { name: string; resource: Resource<T>; held: Held };

/**
 * The resources of one attempt. They are acquired in order and released in reverse.
 *
 * Invariants
 * - The row of a resource is written before the resource is acquired. If the resource can outlive the process, the row
 *   is first an intent, and is marked as acquired before use. Other resources end with the process, so one write is
 *   enough.
 * - Unwinding never throws and skips nothing: each resource ends as released with evidence, or as open and listed.
 */
export class Scope {
  readonly #deps: ScopeDeps;
  readonly #holder: Holder;
  readonly #held: Held[] = [];
  #isUnwound = false;

  constructor(deps: ScopeDeps, holder: Holder) {
    this.#deps = deps;
    this.#holder = holder;
  }

  /**
   * Writes the rows, acquires the resources in order, marks the intents as acquired, and returns the values.
   * @throws ErrandError `ATTEMPT_SUPERSEDED` or `ATTEMPT_CANCELLED` if a write is refused or the task was cancelled;
   *   `INTERNAL` for a resource that no worker would release after a crash; or what acquiring throws.
   *   {@link Scope.unwind} releases the resources that were acquired before the error.
   */
  async hold<T extends Record<string, unknown>>(resources: { [K in keyof T]: Resource<T[K]> }): Promise<T> {
    this.#assertNotUnwound();
    const { records, observer } = this.#deps;
    const { taskId, epoch } = this.#holder;
    const named = Object.entries(resources) as [string, Resource<T[keyof T]>][];
    const at = isoNow();
    const planned = named.map(([name, resource]) => ({ name, resource, held: this.#plan(resource, at) }));
    const rows = planned.map(({ held }) => held);
    const intended = rows.filter(({ entry }) => entry.status === 'intent');
    // Before the write: if its reply is lost, the write is repeated and may then be refused, although its rows exist.
    this.#held.push(...rows);
    const flag = await records.hold(taskId, epoch, rows);
    if (flag) throw new AttemptCancelled(flag);
    const kinds = rows.map(({ entry }) => entry.kind);
    const values = await during(observer, { name: 'acquire', taskId, epoch, kinds }, () => this.#acquireAll(planned));
    const later = intended.length > 0 ? await records.hold(taskId, epoch, intended) : null;
    if (later) throw new AttemptCancelled(later);
    return values as T;
  }

  /**
   * Releases everything in reverse. Never throws. The write that ends the attempt closes the rows. Until then they are
   * open, and another worker that finds them may release the resources again.
   */
  async unwind(): Promise<CleanupRecord> {
    this.#isUnwound = true;
    return unwind(this.#held.splice(0), this.#holder, this.#deps);
  }

  async #acquireAll<T>(planned: readonly Planned<T>[]): Promise<Record<string, unknown>> {
    const values: Record<string, unknown> = {};
    for (const { name, resource, held } of planned) {
      this.#assertNotUnwound();
      const value = await this.#acquire(resource, held);
      this.#markAcquired(held, resource.refOf?.(value) ?? held.entry.ref);
      values[name] = value;
    }
    return values;
  }

  #markAcquired(held: Held, ref: string): void {
    const { entry } = held;
    if (entry.status !== 'intent') return;
    const acquired = { ...held, entry: { ...entry, ref, status: 'acquired', acquired_at: isoNow() } as const };
    this.#assertBelieved(acquired);
    held.entry = acquired.entry;
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
      if (this.#isUnwound) await releaseHeld(held, this.#deps.releasers);
    }
  }

  #assertNotUnwound(): void {
    if (this.#isUnwound) throw new ErrandError('INTERNAL', 'a resource was requested after its attempt had ended');
  }

  #plan({ kind: name, ref }: Pick<Resource<unknown>, 'kind' | 'ref'>, at: string): Held {
    const kind = this.#deps.releasers.kindOf(name);
    if (!kind) throw new ErrandError('INTERNAL', `no toolset of this worker has the resource kind "${name}"`);
    const { taskId, epoch, owner } = this.#holder;
    const named = { kind: name, ref, epoch, owner, intent_at: at, ...this.#deps.releasers.needsOf(name) };
    const entry = kind.outlivesProcess
      ? ({ status: 'intent', ...named } as const)
      : ({ status: 'acquired', acquired_at: at, ...named } as const);
    assertRef(name, ref);
    const row = { taskId, id: rowIdOf(entry, kind), entry };
    this.#assertBelieved(row);
    return { ...row, live: undefined, status: 'planned' };
  }

  #assertBelieved(row: Row): void {
    const { kind: name, ref } = row.entry;
    assertRef(name, ref);
    const kind = this.#deps.releasers.kindOf(name);
    const doubt = kind ? whyNotBelieved(row, kind) : 'its kind is unknown';
    if (doubt !== null)
      throw new ErrandError('INTERNAL', `a resource of the kind "${name}" was not acquired: ${doubt}`);
  }
}

/** Refuses a reference that no ledger row can have. The reference may come from a program without types. */
function assertRef(kind: string, ref: unknown): void {
  if (typeof ref === 'string' && ref.length <= MAX_REF_CHARS) return;
  const got = typeof ref === 'string' ? `${ref.length} characters` : typeOf(ref);
  const message = `a resource of the kind "${kind}" was not acquired: expected a reference of at most ${MAX_REF_CHARS} characters, got ${got}`;
  throw new ErrandError('INTERNAL', message);
}
