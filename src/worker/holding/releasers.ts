import type { Released, ResourceKind } from '../../agent/resource.ts';
import { isoNow, monotonicMs } from '../../base/clock.ts';
import type { Redactor } from '../../base/secret.ts';
import { clip, wellFormed } from '../../base/text.ts';
import { type CleanupActor, type CleanupStep, Evidence, RELEASE_WITHIN_MS } from '../../contract/cleanup.ts';
import { OWN_TOOLSETS_SINCE } from '../../contract/needs.ts';
import { messageOf } from '../../errors.ts';
import type { Row } from '../../records/row.ts';
import { during, endOfCleanup, type Observer } from '../../telemetry/observer.ts';
import { namesOf, whyNotBelieved } from './row-names.ts';

/** The maximum length of the detail of a release, so that the cleanup record can always be written. */
const DETAIL_CHARS = 1_000;

/**
 * The kinds of resources of a worker. `kinds`: the kinds that every worker knows. `ownKinds`: the kinds of its own
 * toolsets. `redactor` masks secrets in the messages of releases.
 */
export type ReleaserDeps = {
  redactor: Redactor;
  observer: Observer;
  kinds: readonly ResourceKind[];
  ownKinds?: readonly ResourceKind[];
};

/**
 * Releases resources, each kind in its own way. A running attempt passes the live value. A worker that cleans up after
 * a dead worker runs the same code without it.
 *
 * Invariants
 * - A row is acted on only if the names in it follow from its task, its epoch and the configuration of this worker.
 * - A process or a response is ended only if it carries the proof that it belongs to that row.
 */
export class Releasers {
  readonly #redactor: Redactor;
  readonly #observer: Observer;
  readonly #byKind: ReadonlyMap<string, ResourceKind>;
  readonly #own: ReadonlySet<string>;

  constructor({ redactor, observer, kinds, ownKinds = [] }: ReleaserDeps) {
    this.#redactor = redactor;
    this.#observer = observer;
    this.#byKind = new Map([...kinds, ...ownKinds].map((kind) => [kind.kind, kind]));
    this.#own = new Set(ownKinds.map(({ kind }) => kind));
  }

  /** Returns a kind by its name; `undefined` for a kind of a toolset that this worker does not have. */
  kindOf(kind: string): ResourceKind | undefined {
    return this.#byKind.get(kind);
  }

  /** Returns the reader version that rows of this kind need, as a field of the row. */
  needsOf(kind: string): { needs?: number } {
    return this.#own.has(kind) ? { needs: OWN_TOOLSETS_SINCE } : {};
  }

  /** Returns whether resources of this kind can outlive their process. Returns `true` for an unknown kind. */
  outlivesProcess(kind: string): boolean {
    return this.#byKind.get(kind)?.outlivesProcess ?? true;
  }

  /** Releases one resource and returns the result as a step of the cleanup record. Never throws. */
  release(row: Row, actor: CleanupActor, live?: unknown): Promise<CleanupStep> {
    const { taskId, id, entry } = row;
    const step = { name: 'release', taskId, row: id, kind: entry.kind, actor } as const;
    return during(this.#observer, step, () => this.#releaseWithin(row, actor, live), endOfCleanup);
  }

  async #releaseWithin(row: Row, actor: CleanupActor, live: unknown): Promise<CleanupStep> {
    const start = monotonicMs();
    const timeout = Promise.withResolvers<never>();
    const expire = () => timeout.reject(new Error(`timed out after ${RELEASE_WITHIN_MS / 1000} s`));
    const timer = setTimeout(expire, RELEASE_WITHIN_MS);
    const released = await Promise.race([this.#release(row, live), timeout.promise]).catch(
      (error: unknown): Released => ({
        evidence: 'unknown',
        detail: clip(wellFormed(this.#redactor.scrub(messageOf(error))), DETAIL_CHARS),
      }),
    );
    clearTimeout(timer);
    return stepOf(row, actor, released, Math.round(monotonicMs() - start));
  }

  async #release(row: Row, live: unknown): Promise<Released> {
    const kind = this.#byKind.get(row.entry.kind);
    if (!kind)
      return { evidence: 'unknown', detail: `no toolset of this worker has the resource kind "${row.entry.kind}"` };
    const doubt = whyNotBelieved(row, kind);
    if (doubt !== null) return { evidence: 'unknown', detail: `the row was not acted on: ${doubt}` };
    return checked(await kind.release(row.entry.ref, live, namesOf(row)));
  }
}

/** Checks what a release returned, because a kind may come from a program without types. */
function checked(released: Released): Released {
  const found: Partial<Released> = Object(released);
  const evidence = Evidence.options.find((known) => known === found.evidence);
  if (evidence && typeof found.detail === 'string') {
    return { evidence, detail: clip(wellFormed(found.detail), DETAIL_CHARS) };
  }
  return { evidence: 'unknown', detail: 'expected its release to return { evidence, detail }' };
}

/** Makes the cleanup step of a row from the result of its release. The evidence `unknown` leaves the row open. */
export function stepOf({ id, entry }: Row, actor: CleanupActor, released: Released, durationMs = 0): CleanupStep {
  return {
    ...(entry.needs !== undefined && { needs: entry.needs }),
    row: id,
    kind: entry.kind,
    ref: entry.ref,
    status: released.evidence === 'unknown' ? 'open' : 'released',
    evidence: released.evidence,
    detail: released.detail,
    actor,
    duration_ms: durationMs,
    released_at: isoNow(),
  };
}
