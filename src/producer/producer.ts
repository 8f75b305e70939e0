import { sleep } from '../base/clock.ts';
import { isBatchId, parseTaskId } from '../base/ids.ts';
import { Redactor } from '../base/secret.ts';
import { clip } from '../base/text.ts';
import type { BatchInput, BatchStatus, BatchSummary, Receipt } from '../contract/batch.ts';
import type { ErrandEvent } from '../contract/events.ts';
import type { Outcome } from '../contract/outcome.ts';
import { NO_TOOLSETS } from '../contract/toolset-check.ts';
import { BatchJobs } from '../queue/batch-jobs.ts';
import { BatchFlow } from '../queue/flow.ts';
import { Announcements, toolsetsServed } from '../records/announcements.ts';
import { BatchRecords } from '../records/batch-records.ts';
import { Channels } from '../records/channels.ts';
import { EnqueueClaims } from '../records/enqueue-claims.ts';
import { TaskMetadata } from '../records/task-metadata.ts';
import { UnattendedRecords } from '../records/unattended-records.ts';
import type { BoundedRedis } from '../redis/bounded.ts';
import {
  awaitReady,
  closeRedis,
  openFailFastRedis,
  openSubscriberRedis,
  type RedisClient,
  unavailable,
} from '../redis/connection.ts';
import { isRedisFault } from '../redis/faults.ts';
import { type PlannedBatch, planBatch } from '../routes/plan.ts';
import { type AddDeps, addBatch, namingBatch } from './add-batch.ts';
import { firstIndexIn, idIn, listenerIn, reasonIn, signalIn, textIn } from './arguments.ts';
import { BatchEvents, subscribed } from './batch-events.ts';
import { type Cancelling, unlessDenied, warnedOf } from './best-effort.ts';
import { lost, noBatch, notFound, removed } from './missing.ts';
import type { ProducerOptions } from './producer-options.ts';
import { type WaitsDeps, waitsIn, waitsOf, warningOf } from './waits.ts';

/** How often `settled` reads the record while it waits, in case the event was lost. */
const POLL_MS = 2_000;
/** The maximum length of the reason of a cancel, which is stored in the outcome of every task. */
const REASON_CHARS = 1_000;

/** A batch that existed once, as its receipt or status shows. */
type KnownBatch = Pick<Receipt, 'batch_id'>;

/**
 * The interface of a web app: enqueues batches, returns their status, reads their outcomes, cancels them.
 *
 * While Redis is unavailable, every call fails within seconds with `REDIS_UNAVAILABLE`. A batch with an
 * `idempotency_key` may be enqueued again after any failure.
 */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #redis: BoundedRedis;
  readonly #flow: BatchFlow;
  readonly #batches: BatchRecords;
  readonly #adding: AddDeps;
  readonly #metadata: TaskMetadata;
  readonly #waiting: WaitsDeps;
  #listening: { redis: RedisClient; channels: Channels } | undefined;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#redis = openFailFastRedis({ target: options.redis, onError: options.onError });
    this.#flow = new BatchFlow(this.#redis, options.prefix, Object.keys(options.routing.providers));
    this.#metadata = new TaskMetadata(this.#redis, options.prefix);
    this.#waiting = {
      jobs: new BatchJobs(this.#redis, options.prefix),
      announcements: new Announcements(this.#redis, options.prefix),
      records: new UnattendedRecords(this.#redis, options.prefix),
    };
    this.#batches = new BatchRecords(this.#redis, options.prefix, new Redactor(), options.retentionSeconds);
    const { tries: attempts, backoffMs, ingestTimeoutMs } = options;
    this.#adding = {
      ...{ batches: this.#batches, flow: this.#flow, metadata: this.#metadata, jobs: this.#waiting.jobs },
      claims: new EnqueueClaims(this.#redis, options.prefix),
      policy: { attempts, backoffMs, ingestTimeoutMs },
    };
  }

  /**
   * Validates the batch, resolves every route, and adds it to the queue, as a whole or not at all. If this rejects, no
   * task of the batch runs, and the error has its `batchId`.
   *
   * @throws ErrandError `BATCH_INVALID` or `ROUTE_UNSUPPORTED` with every problem, `IDEMPOTENCY_CONFLICT`,
   * `ENQUEUE_INCOMPLETE`, `REDIS_UNAVAILABLE`.
   */
  async enqueue(input: BatchInput): Promise<Receipt> {
    const { limits, routing, toolsets: builtIn } = this.#options;
    const served = () => this.#withRedis(async () => toolsetsServed(await this.#waiting.announcements.live()));
    const planned = await planBatch(input, limits, routing, { builtIn, served });
    const { batch_id, total } = planned.record;
    let hasBegun = false;
    const adding = this.#withRedis(() => {
      hasBegun = true;
      return addBatch(planned, this.#adding);
    });
    const { isNew, added } = await adding.catch((error: unknown) => {
      throw hasBegun ? namingBatch(error, batch_id) : error;
    });
    // The batch is in the queue. If no worker runs it, that is a warning and not an error.
    const lanes = [...new Set(planned.record.routes.map(({ provider }) => provider))];
    const waits = await this.#withRedis(() => waitsIn(lanes, this.#waiting)).catch(() => []);
    return { batch_id, total, is_new: isNew, added, warnings: [...planned.warnings, ...waits.map(warningOf)] };
  }

  /**
   * Validates the batch and resolves its routes as {@link Producer.enqueue} would, and enqueues nothing. Asks no
   * worker.
   */
  plan(input: BatchInput): Promise<PlannedBatch> {
    const { limits, routing, toolsets: builtIn } = this.#options;
    return planBatch(input, limits, routing, { ...NO_TOOLSETS, builtIn });
  }

  /**
   * Returns the status of a batch. Pass its id, or what `enqueue` or `status` returned for it.
   * @throws ErrandError `NOT_FOUND`; `BATCH_LOST` instead if its receipt or status was passed, or if its job was
   * removed from the queue; `RECORD_UNREADABLE`, `REDIS_UNAVAILABLE`.
   */
  async status(batch: string | KnownBatch): Promise<BatchStatus> {
    const batchId = idIn(batch);
    const status = isBatchId(batchId) ? await this.#withRedis(() => this.#statusOf(batchId)) : null;
    if (!status) throw typeof batch === 'string' ? noBatch(batchId) : lost(batchId);
    const waits = await this.#withRedis(() => waitsOf(status, this.#waiting));
    return waits.length > 0 ? { ...status, waits_for: waits } : status;
  }

  async #statusOf(batchId: string): Promise<BatchStatus | null> {
    const status = await this.#batches.status(batchId);
    if (status?.status !== 'running' || (await this.#waiting.jobs.exists(batchId))) return status;
    const again = await this.#batches.status(batchId); // the batch may have settled meanwhile
    if (again?.status === 'running') throw removed(batchId);
    return again;
  }

  /**
   * Reads the outcomes of the tasks that have one, page by page, in the order of the tasks. An outcome that cannot be
   * read is yielded as failed with `RECORD_UNREADABLE`.
   * @throws ErrandError `NOT_FOUND`, `REDIS_UNAVAILABLE`, `USAGE_INVALID`; `RECORD_UNREADABLE` for the record of the
   * batch.
   */
  async *outcomes(id: string, options: { from?: number } = {}): AsyncGenerator<Outcome> {
    const [batchId, from] = [textIn(id), firstIndexIn(options)];
    const status = isBatchId(batchId) ? await this.#withRedis(() => this.#batches.status(batchId)) : null;
    if (!status) throw noBatch(batchId);
    for (let at = from; at < status.total; ) {
      const page = await this.#withRedis(() => this.#batches.outcomes(batchId, at, status.total));
      at += page.length;
      yield* page.filter((outcome) => outcome !== null);
    }
  }

  /**
   * Resolves with the summary once the batch has settled.
   * @throws ErrandError `NOT_FOUND`; `BATCH_LOST` if the batch existed once; `RECORD_UNREADABLE`; or the signal's
   * reason.
   */
  async settled(batch: string | KnownBatch, options: { signal?: AbortSignal } = {}): Promise<BatchSummary> {
    const [batchId, signal] = [idIn(batch), signalIn(options)];
    for (let known = batch; ; ) {
      const waiting = Promise.withResolvers<void>();
      const over = new AbortController();
      const hearing = this.#hear(batchId, ({ event }) => event === 'batch_settled' && waiting.resolve());
      const stop = await unlessDenied(hearing);
      try {
        const status = await this.status(known);
        if (status.status === 'settled') return status.summary;
        known = status;
        const signals = signal ? [over.signal, signal] : [over.signal];
        await Promise.race([waiting.promise, sleep(POLL_MS, AbortSignal.any(signals))]);
      } finally {
        over.abort();
        stop().catch(() => undefined); // an unavailable Redis has dropped the subscription anyway
      }
    }
  }

  /**
   * Calls `listener` with the events of the batch, best effort, until the returned function is called. The batch need
   * not exist yet: `batchIdOf` returns the id that its idempotency key has. @throws ErrandError `NOT_FOUND` if no batch
   * can have this id, `REDIS_UNAVAILABLE`.
   */
  async onEvent(batchId: string, listener: (event: ErrandEvent) => void): Promise<() => Promise<void>> {
    const batch = () => this.#batches.facts(batchId);
    const tasks = (indexes: readonly number[]) => this.#metadata.ofTasks(batchId, indexes);
    const events = new BatchEvents({ batch, tasks }, listenerIn(listener), this.#options.onError);
    const stop = await this.#hear(batchId, (event) => events.take(event));
    return () => {
      events.stop();
      return stop();
    };
  }

  async #hear(batchId: string, listener: (event: ErrandEvent) => void): Promise<() => Promise<void>> {
    if (!isBatchId(textIn(batchId))) throw noBatch(batchId);
    return this.#withRedis(() => {
      const late = () => unavailable(this.#redis, undefined);
      return subscribed(this.#channels().onEvent(batchId, listener), this.#options.connectWithinMs, late);
    });
  }

  /**
   * Cancels a batch or a task: waiting tasks never start, running tasks are aborted, and tasks that wait for a later
   * time end now. For a finished batch or task the result says so. @throws ErrandError `NOT_FOUND`,
   * `REDIS_UNAVAILABLE`.
   */
  async cancel(id: string, reason?: string): Promise<Cancelling> {
    if (!isBatchId(textIn(id)) && !parseTaskId(id)) throw notFound(id);
    const cancelling = await this.#withRedis(() => this.#batches.cancel(id, clip(reasonIn(reason), REASON_CHARS)));
    if (cancelling.status === 'missing') throw notFound(id);
    if (cancelling.status !== 'cancelled') return cancelling;
    const waking = this.#withRedis(async () => this.#flow.wake(await this.#batches.sleepers(id)));
    return warnedOf(cancelling, waking, this.#redis, this.#options.prefix);
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.#flow.close().catch(() => undefined);
    closeRedis(this.#redis);
    if (this.#listening) closeRedis(this.#listening.redis);
  }

  #channels(): Channels {
    if (this.#listening) return this.#listening.channels;
    const { redis: target, prefix, onError } = this.#options;
    const redis = openSubscriberRedis({ target, onError });
    const tell = (trouble: Error | null) => trouble && onError(unavailable(redis, trouble, prefix));
    this.#listening = { redis, channels: new Channels(redis, prefix, tell) };
    return this.#listening.channels;
  }

  async #withRedis<T>(call: () => Promise<T>): Promise<T> {
    await awaitReady(this.#redis, this.#options.connectWithinMs);
    try {
      await this.#redis.assertDatabase();
      return await call();
    } catch (error) {
      throw isRedisFault(error) ? unavailable(this.#redis, error, this.#options.prefix, 'producer') : error;
    }
  }
}
