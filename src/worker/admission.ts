import { monotonicMs } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import type { AdmissionVerdict, BatchRecord, RouteInUse } from '../contract/batch.ts';
import { type Failure, failureOf } from '../contract/failure.ts';
import { type ResolvedRoute, routeKey } from '../contract/route.ts';
import { ErrandError, isFailureCode } from '../errors.ts';
import type { BatchRecords } from '../records/batch-records.ts';
import { during, type Observer } from '../telemetry/observer.ts';
import { errorOf } from './classify.ts';

/** The maximum number of batches in memory. The record of a dropped batch is read again. */
const REMEMBERED = 200;
/**
 * How long a batch stays in memory. A reused idempotency key makes a new batch of the same id once the records expired.
 */
const REMEMBERED_MS = 3600_000;
/** How long a temporary verdict is kept: a key that is missing now may be there in a moment. */
const PASSING_MS = 5_000;

/** A batch as a worker knows it: its record, its shared context, and its unusable routes. */
export type AdmittedBatch = { record: BatchRecord; context: string; verdict: AdmissionVerdict };

/** Checks whether a route can be used, and rejects with an ErrandError if it cannot. */
export type RouteCheck = (route: RouteInUse, admission: BatchRecord['admission']) => Promise<void>;

/** The dependencies of admission. */
export type AdmissionDeps = {
  batches: BatchRecords;
  observer: Observer;
  check: RouteCheck;
  redactor: Redactor;
  /** The providers whose lanes this worker does not serve. */
  elsewhere: readonly string[];
};

type Remembered = { sinceMs: number; keptMs: number; batch: Promise<AdmittedBatch> };

/**
 * Checks every distinct route of a batch once, before any child is built.
 *
 * The first stored verdict counts for all workers. Within a worker, all tasks of a batch share one check. A verdict
 * about a missing credential is temporary: it is not stored, and counts for this worker only, for a few seconds.
 *
 * A worker that serves only some lanes has only the credentials of their providers. It checks the routes of these
 * lanes. Its verdict is stored only if the batch has no other routes, or if it found an unusable route.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #known = new Map<string, Remembered>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** Returns the batch with its verdict. @throws ErrandError `NOT_FOUND` if the batch has no record. */
  of(batchId: string): Promise<AdmittedBatch> {
    return during(this.#deps.observer, { name: 'admit', batchId }, () => this.#remembered(batchId));
  }

  async #remembered(batchId: string): Promise<AdmittedBatch> {
    const known = this.#known.get(batchId);
    if (known && monotonicMs() - known.sinceMs < known.keptMs) return known.batch;
    const remembered = { sinceMs: monotonicMs(), keptMs: REMEMBERED_MS, batch: this.#look(batchId) };
    // A batch that is read again moves to the end, so that the batches that were read earliest are dropped first.
    this.#known.delete(batchId);
    this.#known.set(batchId, remembered);
    remembered.batch.then(
      ({ verdict }) => {
        if (isPassing(verdict)) Object.assign(remembered, { sinceMs: monotonicMs(), keptMs: PASSING_MS });
      },
      () => this.#known.delete(batchId),
    );
    for (const [oldest] of this.#known) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(oldest);
    }
    return remembered.batch;
  }

  async #look(batchId: string): Promise<AdmittedBatch> {
    const found = await this.#deps.batches.read(batchId);
    if (!found) throw new ErrandError('NOT_FOUND', `batch ${batchId} has no record`);
    const { record, context, verdict } = found;
    const isFinal = verdict !== null && !isPassing(verdict);
    return { record, context, verdict: isFinal ? verdict : await this.#judge(record) };
  }

  async #judge(record: BatchRecord): Promise<AdmissionVerdict> {
    const { batches, elsewhere } = this.#deps;
    const own = record.routes.filter(({ provider }) => !elsewhere.includes(provider));
    const checked = await Promise.all(own.map((route) => this.#check(route, record.admission)));
    const unusable = checked.flat().sort((a, b) => a.first_index - b.first_index);
    const verdict: AdmissionVerdict = { version: 1, unusable };
    const isWhole = own.length === record.routes.length || unusable.length > 0;
    if (isPassing(verdict) || !isWhole) return verdict;
    const first = await batches.admit(record.batch_id, verdict);
    return isPassing(first) ? verdict : first;
  }

  /** Returns the route with its failure; an empty list if the route can be used. */
  async #check(route: RouteInUse, admission: BatchRecord['admission']): Promise<AdmissionVerdict['unusable']> {
    const { check, redactor } = this.#deps;
    try {
      await check(route, admission);
      return [];
    } catch (error) {
      return [{ ...route, failure: failureOf(errorOf(error), redactor) }];
    }
  }
}

/** Tells whether the verdict is temporary. Workers of 0.1.0 store such verdicts too. */
function isPassing({ unusable }: AdmissionVerdict): boolean {
  return unusable.some(({ failure }) => failure.code === 'CREDENTIAL_MISSING');
}

/**
 * Returns the error of a task that must not run: the failure of its own route, or `BATCH_REJECTED` with the first
 * unusable task of a batch that is not admitted. Returns `null` if the task may run.
 */
export function refusalOf({ record, verdict }: AdmittedBatch, route: ResolvedRoute): ErrandError | null {
  const [first] = verdict.unusable;
  if (!first) return null;
  const key = routeKey(route);
  const own = verdict.unusable.find((other) => routeKey(other) === key);
  if (own) return unusableRoute(own.failure);
  if (record.admission === 'task') return null;
  const { first_index, provider, model, failure } = first;
  const why = `task ${first_index} (${provider}/${model}) cannot run: ${failure.code}: ${failure.message}`;
  const message = `the batch was not admitted: ${why}`;
  return new ErrandError('BATCH_REJECTED', message, { remedy: failure.remedy });
}

/** The verdict may come from a newer worker, with a code that this version does not know. */
function unusableRoute({ code, message, remedy }: Failure): ErrandError {
  if (isFailureCode(code)) return new ErrandError(code, message, { remedy });
  return new ErrandError('ROUTE_UNSUPPORTED', `${code}: ${message}`, { remedy });
}
