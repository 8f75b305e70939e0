import { monotonicMs } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import type { AdmissionVerdict, BatchRecord, RouteInUse } from '../contract/batch.ts';
import { type Failure, failureOf } from '../contract/failure.ts';
import { type ResolvedRoute, routeKey } from '../contract/route.ts';
import { ErrandError, isFailureCode } from '../errors.ts';
import type { BatchRecords } from '../records/batch-records.ts';
import { during, type Observer } from '../telemetry/observer.ts';
import { errorOf } from './classify.ts';

/** How many batches a worker remembers; one record is read again after that many others. */
const REMEMBERED = 200;
/** For how long: an idempotency key that is used again after its records expired is another batch of the same id. */
const REMEMBERED_MS = 3600_000;
/** How long a temporary verdict is kept: a key that is missing now may be there in a moment. */
const PASSING_MS = 5_000;

/** A batch as a worker knows it: what it is, its shared context, and which of its routes are unusable. */
export type AdmittedBatch = { record: BatchRecord; context: string; verdict: AdmissionVerdict };

/** Finds out whether a route can be used, and rejects with an ErrandError if it cannot. */
export type RouteCheck = (route: RouteInUse, admission: BatchRecord['admission']) => Promise<void>;

/** What admission works with. */
export type AdmissionDeps = {
  batches: BatchRecords;
  observer: Observer;
  check: RouteCheck;
  redactor: Redactor;
  /** The providers of the deployment whose lanes are left to other workers. */
  elsewhere: readonly string[];
};

type Remembered = { sinceMs: number; keptMs: number; batch: Promise<AdmittedBatch> };

/**
 * Checks every distinct route of a batch once, before any child is built.
 *
 * The first stored verdict counts for all workers; within a worker all tasks of a batch share one look-up. A verdict about a
 * missing credential is temporary: it is not stored, and counts for this worker only, for a few seconds.
 *
 * A worker that takes the lanes of some providers only has only their credentials. It judges the routes of these lanes, and
 * its verdict is stored only if the batch has no other routes, or if a route is unusable for any worker.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #known = new Map<string, Remembered>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** @throws ErrandError `NOT_FOUND` where the batch is not on record. */
  of(batchId: string): Promise<AdmittedBatch> {
    return during(this.#deps.observer, { name: 'admit', batchId }, () => this.#remembered(batchId));
  }

  async #remembered(batchId: string): Promise<AdmittedBatch> {
    const known = this.#known.get(batchId);
    if (known && monotonicMs() - known.sinceMs < known.keptMs) return known.batch;
    const remembered = { sinceMs: monotonicMs(), keptMs: REMEMBERED_MS, batch: this.#look(batchId) };
    // A verdict that is looked up again moves to the end, so that older verdicts are dropped first.
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
 * Why a task may not run: the failure of its own route, or `BATCH_REJECTED` naming the first unusable task of a batch
 * that is not admitted; `null` where it may.
 */
export function refusalOf({ record, verdict }: AdmittedBatch, route: ResolvedRoute): ErrandError | null {
  const key = routeKey(route);
  const own = verdict.unusable.find((other) => routeKey(other) === key);
  if (own) return unusableRoute(own.failure);
  const [first] = verdict.unusable;
  if (record.admission === 'task' || !first) return null;
  const message = `the batch was not admitted: the route ${first.provider}/${first.model} of task ${first.first_index} cannot be used: ${first.failure.code}: ${first.failure.message}`;
  return new ErrandError('BATCH_REJECTED', message, { remedy: first.failure.remedy });
}

/** A newer worker may have refused the route for a reason that this version has no code for. */
function unusableRoute({ code, message, remedy }: Failure): ErrandError {
  if (isFailureCode(code)) return new ErrandError(code, message, { remedy });
  return new ErrandError('ROUTE_UNSUPPORTED', `${code}: ${message}`, { remedy });
}
