import { DelayedError, type Job, Queue, Worker } from 'bullmq';
import { sleep } from '../base/clock.ts';
import { needsOf } from '../contract/needs.ts';
import type { Takers } from '../contract/takers.ts';
import { readTaskJob, type TaskJob, type Wake } from '../contract/task.ts';
import type { Redis } from '../redis/connection.ts';
import { isRedisFault } from '../redis/faults.ts';
import { during, note, type Observer } from '../telemetry/observer.ts';
import { backoffMs } from './backoff.ts';
import { type LaneCounts, laneCounts } from './lane-counts.ts';
import { type Lock, Locks } from './locks.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf } from './names.ts';
import { isNotOurs } from './not-ours.ts';
import { renewLocks } from './renew-locks.ts';
import { type Settled, settleJob } from './settle-job.ts';
import { applyMove, requeue, type Verdict } from './verdict.ts';
import { wakeJobs } from './wake.ts';

/** How long an idle queue may take to close. BullMQ waits without end if its connection was half-open just before. */
const CLOSE_WITHIN_MS = 3_000;

/** A task job for the worker: parsed, or unreadable. */
export type TaskDelivery = {
  taskId: string;
  provider: string;
  job: { isReadable: true; data: TaskJob } | { isReadable: false; problem: string };
  /** The reader version that the job needs. */
  needs: number;
  /** Whether this is the last try: a further retry ends the task. */
  isLastTry: boolean;
};

/** The functions that the queue calls. They do not throw because of a task: a verdict reports its failure. */
export type Handlers = {
  runTask: (delivery: TaskDelivery, signal: AbortSignal) => Promise<Verdict>;
  /** Called for a task whose job has ended without a verdict. No worker runs it again. */
  giveUp: (delivery: TaskDelivery) => Promise<readonly Wake[]>;
  /** Called after a job was delayed: a cancel just before found no delayed job to wake. */
  isCancelled: (taskId: string) => Promise<boolean>;
  settleBatch: (batchId: string) => Promise<Settled>;
};

/** How a consumer takes jobs. Times in milliseconds. */
export type ConsumerOptions = {
  redis: Redis;
  prefix: string;
  /** The name of the pod. The board shows it as the owner of a job. */
  workerName: string;
  /** All providers of the deployment: a task that ends here may wake a task of any lane. */
  providers: string[];
  /** The providers whose lanes it takes jobs from. */
  taken: string[];
  /** Tasks at a time, in each lane. */
  concurrency: number;
  /** How long a lock lasts without a renewal; 60 s survives a failover of Redis. */
  lockDurationMs: number;
  /**
   * Sees deliveries, lost locks, refused moves and faults. `RedisHealth` reports a Redis that is unavailable or
   * refuses.
   */
  observer: Observer;
};

/** The task jobs of a lane. */
export type LaneJobs = LaneCounts & { provider: string };

type Processor = (job: Job, token: string, lock: Lock) => Promise<object>;

/**
 * Takes jobs from the lanes, the queue of batches and the queue of gates, and passes them to functions.
 *
 * Invariants
 * - If a lock is lost, or may be lost, its run is aborted at once: see {@link Locks}.
 * - A crash spends no try. Errand counts stalls itself, so the limit of BullMQ is set too high to be reached.
 */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #workers: Worker[] = [];
  readonly #locks: Locks[] = [];
  readonly #runs = new Set<Promise<unknown>>();
  readonly #judged = new WeakSet<Job>();
  readonly #lanes = new Map<string, Queue>();
  readonly #signs: { isPaused: boolean } = { isPaused: false };

  constructor(options: ConsumerOptions, handlers: Handlers) {
    this.#options = options;
    const { observer } = options;
    for (const provider of options.taken) {
      const lane = this.#start(laneOf(provider), options.concurrency, async (job, token, { signal }) => {
        const taskId = job.id ?? '';
        const run = () => this.#reporting(handlers.runTask(deliveryOf(job, provider), signal));
        const verdict = await during(observer, { name: 'deliver', taskId, provider }, run);
        this.#judged.add(job);
        await this.#wake(verdict.wake);
        return applyMove(verdict.move, { job, token, observer, isCancelled: () => handlers.isCancelled(taskId) });
      });
      lane.on('completed', (job) => note(observer, { name: 'told_queue', taskId: job.id ?? '' }));
      lane.on('failed', (job) => {
        note(observer, { name: 'told_queue', taskId: job?.id ?? '' });
        if (job?.finishedOn === undefined || this.#judged.has(job)) return;
        this.#track(this.#giveUp(deliveryOf(job, provider), handlers));
      });
    }
    this.#start(BATCH_QUEUE, 4, async (job, token) => this.#reporting(settleJob(job, token, handlers)));
    this.#start(GATE_QUEUE, 4, async (job) => job.data);
  }

  /** Resolves when every queue is connected and takes jobs. */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()));
  }

  /** The id of the BullMQ worker of each queue, so that other workers can hand back the jobs if this process dies. */
  get takers(): Takers {
    return Object.fromEntries(this.#workers.map(({ name, id }) => [name, id]));
  }

  get isTaking(): boolean {
    return !this.#signs.isPaused && this.#workers.every((worker) => worker.isRunning());
  }

  /** Counts the task jobs of each lane by state. */
  async laneJobs(): Promise<LaneJobs[]> {
    const { providers } = this.#options;
    return Promise.all(providers.map(async (provider) => ({ provider, ...(await laneCounts(this.#lane(provider))) })));
  }

  /**
   * Stops taking jobs and waits up to `graceMs` for the running ones. Then it aborts them with `drained` and waits
   * until they are handed back.
   *
   * It closes the workers first: a worker that is not closing would fetch the jobs that it hands back.
   */
  async drain(graceMs: number): Promise<void> {
    this.#signs.isPaused = true;
    const closing = Promise.all(this.#workers.map((worker) => worker.close()));
    const over = new AbortController();
    const timer = setTimeout(() => {
      for (const locks of this.#locks) locks.abortAll('drained');
    }, graceMs);
    await Promise.race([closing, this.#ended().then(() => sleep(CLOSE_WITHIN_MS, over.signal))]).finally(() => {
      over.abort();
      clearTimeout(timer);
    });
    for (const locks of this.#locks) locks.close();
    await Promise.all([...this.#lanes.values()].map((queue) => queue.close()));
  }

  /** Resolves when nothing runs. */
  async #ended(): Promise<void> {
    while (this.#runs.size > 0) await Promise.allSettled(this.#runs);
  }

  #start(queue: string, concurrency: number, processor: Processor): Worker {
    const { redis, prefix, workerName, lockDurationMs, observer } = this.#options;
    const worker = new Worker(
      queue,
      async (job, token = '') => {
        // `processedOn` is when this process asked for the job. The lock was set later.
        const lock = locks.hold(job.id ?? '', token, Math.max(0, Date.now() - (job.processedOn ?? 0)));
        const isLost = lock.signal.aborted;
        const run = isLost ? requeue(job, token) : processor(job, token, lock);
        return this.#track(run).finally(() => locks.release(lock));
      },
      {
        connection: redis,
        prefix,
        name: workerName,
        concurrency,
        lockDuration: lockDurationMs,
        skipLockRenewal: true,
        stalledInterval: Math.max(250, Math.floor(lockDurationMs / 3)),
        maxStalledCount: 1000,
        drainDelay: 5,
        settings: { backoffStrategy: (triesMade, _type, _error, job) => (job ? backoffMs(triesMade, job) : 0) },
      },
    );
    const locks = new Locks({
      durationMs: lockDurationMs,
      extend: (jobIds, tokens) => renewLocks(redis, worker, { jobIds, tokens }, lockDurationMs),
      onLost: (taskIds) => note(observer, { name: 'locks_lost', taskIds }),
      onError: (error) => this.#note(error),
    });
    worker.on('error', (error) => this.#note(error));
    this.#workers.push(worker);
    this.#locks.push(locks);
    return worker;
  }

  /** Reports unexpected errors: for a processor that throws, BullMQ reports only that its job failed. */
  async #reporting<T>(running: Promise<T>): Promise<T> {
    try {
      return await running;
    } catch (error) {
      if (!(error instanceof DelayedError)) this.#note(error);
      throw error;
    }
  }

  async #giveUp(delivery: TaskDelivery, { giveUp }: Handlers): Promise<void> {
    try {
      await this.#wake(await giveUp(delivery));
    } catch (error) {
      this.#note(error);
    }
  }

  /** Makes a drain wait until the run has ended. */
  #track<T>(run: Promise<T>): Promise<T> {
    this.#runs.add(run);
    return run.finally(() => this.#runs.delete(run));
  }

  #note(error: unknown): void {
    if (isRedisFault(error)) return;
    const { observer } = this.#options;
    if (isNotOurs(error)) note(observer, { name: 'move_refused', error });
    else note(observer, { name: 'fault', where: 'queue', error });
  }

  async #wake(wakes: readonly Wake[]): Promise<void> {
    const { providers } = this.#options;
    await wakeJobs((provider) => (providers.includes(provider) ? this.#lane(provider) : null), wakes);
  }

  #lane(provider: string): Queue {
    const known = this.#lanes.get(provider);
    if (known) return known;
    const { redis, prefix } = this.#options;
    const queue = new Queue(laneOf(provider), { connection: redis, prefix, skipMetasUpdate: true });
    queue.on('error', (error) => this.#note(error));
    this.#lanes.set(provider, queue);
    return queue;
  }
}

function deliveryOf(job: Job, provider: string): TaskDelivery {
  const isLastTry = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  const common = { taskId: job.id ?? '', provider, isLastTry, needs: needsOf(job.data) };
  const reading = readTaskJob(job.data);
  if (reading.status === 'read') return { ...common, job: { isReadable: true, data: reading.job } };
  return { ...common, job: { isReadable: false, problem: reading.problem } };
}
