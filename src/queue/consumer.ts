import { type Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { BatchJob } from '../contract/batch.ts';
import { TaskJob } from '../contract/task.ts';
import { messageOf } from '../errors.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf } from './names.ts';
import { obey, type Verdict, type Wake } from './verdict.ts';

/** Why the queue, rather than the task, ended a run. The signal's `reason` is one of these. */
export type AbortReason = 'lock_lost' | 'drained';

/** A task job as handed to the worker: parsed, or not ours to read. */
export type TaskDelivery = {
  taskId: string;
  provider: string;
  job: { isReadable: true; data: TaskJob } | { isReadable: false; problem: string };
  /** Whether a retry would be the last straw: the tries of the job are used up after this one. */
  isLastTry: boolean;
};

/** What the queue calls. Both must not throw for anything a task did: that is what a verdict is for. */
export type Handlers = {
  runTask: (delivery: TaskDelivery, signal: AbortSignal) => Promise<Verdict>;
  settleBatch: (batch: BatchJob) => Promise<object>;
};

/** How a consumer takes jobs. Times in milliseconds. */
export type ConsumerOptions = {
  redis: Redis;
  prefix: string;
  /** Shown in the board as the owner of a job: the pod's name. */
  workerName: string;
  providers: string[];
  /** Tasks at a time, in each lane. */
  concurrency: number;
  /** How long a job may go without a sign of life; 60 s survives a Redis failover (`reference/bullmq.md`, advice 9). */
  lockDurationMs: number;
  onError: (error: Error) => void;
  onLockLost: (taskIds: string[]) => void;
};

/**
 * Takes jobs off the queues and hands them to functions: lanes, settlement, gates.
 *
 * Invariants
 * - A lost lock aborts the run at once. BullMQ alone does not, and one freeze of Redis would then start every job over
 *   and over (`reference/bullmq.md`, fact 4).
 * - A crash spends no try: stalls are ours to count, so BullMQ's own limit is out of the way.
 */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #workers: Worker[] = [];
  readonly #lanes = new Map<string, Queue>();
  readonly #signs: { isPaused: boolean } = { isPaused: false };

  constructor(options: ConsumerOptions, handlers: Handlers) {
    this.#options = options;
    // BullMQ hands over a signal only to a function that declares all three parameters (`processor.length >= 3`).
    for (const provider of options.providers) {
      this.#start(laneOf(provider), options.concurrency, async (job, token, signal) => {
        const verdict = await handlers.runTask(deliveryOf(job, provider), signal ?? new AbortController().signal);
        await this.#wake(verdict.wake);
        return obey(verdict, job, token);
      });
    }
    this.#start(BATCH_QUEUE, 4, async (job, _token, _signal) => handlers.settleBatch(BatchJob.parse(job.data)));
    this.#start(GATE_QUEUE, 4, async (job, _token, _signal) => job.data);
  }

  /** Resolves once every queue is connected and taking jobs. */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()));
  }

  get isTaking(): boolean {
    return !this.#signs.isPaused && this.#workers.every((worker) => worker.isRunning());
  }

  /**
   * Stops taking jobs, gives what runs `graceMs` to finish, then aborts it with `drained` and waits for the hand-back.
   *
   * The order matters: cancelling before closing would make the worker fetch its own hand-backs again.
   */
  async drain(graceMs: number): Promise<void> {
    this.#signs.isPaused = true;
    const closing = Promise.all(this.#workers.map((worker) => worker.close()));
    const timer = setTimeout(() => {
      for (const worker of this.#workers) worker.cancelAllJobs('drained' satisfies AbortReason);
    }, graceMs);
    await closing;
    clearTimeout(timer);
    await Promise.all([...this.#lanes.values()].map((queue) => queue.close()));
  }

  #start(
    queue: string,
    concurrency: number,
    processor: (job: Job, token?: string, signal?: AbortSignal) => Promise<object>,
  ): void {
    const { redis, prefix, workerName, lockDurationMs } = this.#options;
    const worker = new Worker(queue, processor, {
      connection: redis,
      prefix,
      name: workerName,
      concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: Math.max(250, Math.floor(lockDurationMs / 3)),
      maxStalledCount: 1000,
      drainDelay: 5,
    });
    worker.on('error', this.#options.onError);
    worker.on('lockRenewalFailed', (jobIds) => {
      this.#options.onLockLost(jobIds);
      for (const id of jobIds) worker.cancelJob(id, 'lock_lost' satisfies AbortReason);
    });
    this.#workers.push(worker);
  }

  /** Brings parked tasks back at once. One that is not delayed any more comes back by itself. */
  async #wake(wakes: Wake[]): Promise<void> {
    for (const { taskId, provider } of wakes) {
      const job = await this.#lane(provider).getJob(taskId);
      await job?.promote().catch(() => undefined);
    }
  }

  #lane(provider: string): Queue {
    const known = this.#lanes.get(provider);
    if (known) return known;
    const { redis, prefix, onError } = this.#options;
    const queue = new Queue(laneOf(provider), { connection: redis, prefix, skipMetasUpdate: true });
    queue.on('error', onError);
    this.#lanes.set(provider, queue);
    return queue;
  }
}

function deliveryOf(job: Job, provider: string): TaskDelivery {
  const isLastTry = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  const common = { taskId: job.id ?? '', provider, isLastTry };
  const parsed = TaskJob.safeParse(job.data);
  if (parsed.success) return { ...common, job: { isReadable: true, data: parsed.data } };
  return { ...common, job: { isReadable: false, problem: messageOf(parsed.error) } };
}
