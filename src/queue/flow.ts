import { FlowProducer, type JobsOptions, Queue } from 'bullmq';
import { taskIdOf } from '../base/ids.ts';
import type { BatchJob } from '../contract/batch.ts';
import { ATOMIC_TASKS } from '../contract/limits.ts';
import type { TaskJob, Wake } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import type { Redis } from '../redis/connection.ts';
import { isRedisFault } from '../redis/faults.ts';
import { BACKOFF } from './backoff.ts';
import { findGate, gateIdOf } from './gate.ts';
import { existingIds, type Leftover, removeEnded, stillQueued } from './leftovers.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf } from './names.ts';
import { wakeJobs } from './wake.ts';

/** Tasks in one chunk of a batch that is too large for one transaction: about 20 ms of CPU of Redis. */
const CHUNK = ATOMIC_TASKS;
/** Jobs in one pipeline of a chunk, so that the event loop of the producer does not stall for long. */
const PIPELINE = 250;

/** The options of every queue. Each `new Queue()` overwrites them: see docs/internals/bullmq.md#options-of-a-queue. */
const STREAMS = { streams: { events: { maxLen: 1000 } } };
const KEEP_ENDED = {
  removeOnComplete: { age: 24 * 3600, count: 20_000 },
  removeOnFail: { age: 7 * 24 * 3600, count: 20_000 },
};
/** The maximum number of log lines of a task job. The board shows them. */
const KEEP_LOGS = 100;
/** Settling is retried until it succeeds, because every batch must settle. */
const SETTLE_TRIES = 1000;

/** A batch to add: names and data of its jobs, and how its tasks are retried. */
export type BatchPlan = {
  job: BatchJob;
  tasks: { name: string; data: TaskJob }[];
  priority: number;
  attempts: number;
  backoffMs: number;
  /** How long the batch waits for a producer that stopped while it added chunks. */
  ingestTimeoutMs: number;
};

type TaskEntry = { name: string; data: TaskJob; opts: JobsOptions & { jobId: string } };

/**
 * Adds batches to the queue as BullMQ flows: a batch job over one task job per task.
 *
 * Invariants
 * - Up to 1,000 tasks are one transaction. Above, a delayed gate job holds the batch job until all chunks are in.
 * - Ids are deterministic. Every returned id is compared, because BullMQ returns error numbers as ids.
 * - Adding a batch again adds only the missing jobs. An existing job is skipped, because a failed child that is added
 *   again would block its parent without end.
 *
 * See docs/internals/bullmq.md#adding-flows.
 */
export class BatchFlow {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #providers: ReadonlySet<string>;
  readonly #flow: FlowProducer;
  readonly #queues = new Map<string, Queue>();

  /** `providers`: the providers whose lanes are searched for tasks to wake. */
  constructor(redis: Redis, prefix: string, providers: readonly string[]) {
    this.#providers = new Set(providers);
    this.#redis = redis;
    this.#prefix = prefix;
    this.#flow = new FlowProducer({ connection: redis, prefix });
    this.#flow.on('error', () => undefined); // the owner of the connection listens for its errors
  }

  /**
   * Adds the missing jobs of the batch and returns how many tasks it added. `onChunk` is called after each chunk of a
   * large batch. `isNew`: the record of the batch was created just now.
   *
   * BullMQ may keep jobs longer than the records live, so jobs of an earlier batch with the same idempotency key may
   * exist. Ended jobs are removed first. If a task already has an outcome, its new job only repeats the outcome, so no
   * task runs twice. If a job of the earlier batch has not ended, nothing is removed and the batch is refused.
   *
   * @throws ErrandError `IDEMPOTENCY_CONFLICT`; `ENQUEUE_INCOMPLETE` if the time to add the tasks ran out.
   */
  async add(plan: BatchPlan, { isNew }: { isNew: boolean }, onChunk: () => Promise<void>): Promise<number> {
    const { batch_id: batchId } = plan.job;
    const batchJob = await this.#queue(BATCH_QUEUE).getJob(batchId);
    const isQueued = batchJob !== undefined && batchJob.finishedOn === undefined;
    if (isQueued && isNew) throw stillQueued(batchId);
    if (!isQueued) await this.#removeLeftovers(plan, isNew ? 'its records have expired' : 'its batch job was removed');
    if (plan.tasks.length > ATOMIC_TASKS) return this.#addInChunks(plan, isQueued, onChunk);
    if (isQueued) return 0;
    await this.#addWhole(plan);
    return plan.tasks.length;
  }

  /** Brings the jobs of waiting tasks back at once. */
  async wake(sleepers: readonly Wake[]): Promise<void> {
    const laneFor = (provider: string) => (this.#providers.has(provider) ? this.#queue(laneOf(provider)) : null);
    await wakeJobs(laneFor, sleepers);
  }

  async close(): Promise<void> {
    await Promise.all([this.#flow.close(), ...[...this.#queues.values()].map((queue) => queue.close())]);
  }

  /** Removes the batch job last, so that after a crash the producer removes the leftovers again. */
  async #removeLeftovers({ job, tasks }: BatchPlan, why: Leftover): Promise<void> {
    const { batch_id: batchId } = job;
    const batches = this.#queue(BATCH_QUEUE);
    for (const [lane, ofLane] of Map.groupBy(tasks, laneOfTask)) {
      await removeEnded(
        this.#redis,
        this.#queue(lane),
        ofLane.map(({ data }) => taskIdOf(batchId, data.index)),
        why,
      );
    }
    // The return values of 100,000 tasks take Redis 150 ms to free with DEL, which the removal of their parent uses.
    await this.#redis.unlink(batches.toKey(`${batchId}:processed`), batches.toKey(`${batchId}:failed`));
    await removeEnded(this.#redis, batches, [batchId], why);
  }

  async #addWhole(plan: BatchPlan): Promise<void> {
    const children = plan.tasks.map((task) => ({ ...entryOf(task, plan), queueName: laneOfTask(task) }));
    await this.#addFlow(plan, children);
  }

  async #addInChunks(plan: BatchPlan, isQueued: boolean, onChunk: () => Promise<void>): Promise<number> {
    const { job, tasks, ingestTimeoutMs } = plan;
    if (!isQueued) await this.#addGate(plan, gateIdOf(job.batch_id));
    const gate = await findGate(this.#queue(GATE_QUEUE), job.batch_id, ingestTimeoutMs);
    let added = 0;
    if (!gate.isSealed) {
      for (let from = 0; from < tasks.length; from += CHUNK) {
        await gate.keepShut();
        added += await this.#addChunk(plan, from);
        await onChunk();
      }
      await gate.seal(tasks.length);
    }
    // Now the batch is complete. If Redis fails here, a worker opens the gate.
    await gate.open().catch((error: unknown) => {
      if (!isRedisFault(error)) throw error;
    });
    return added;
  }

  async #addGate(plan: BatchPlan, jobId: string): Promise<void> {
    await removeEnded(this.#redis, this.#queue(GATE_QUEUE), [jobId]);
    const opts = { jobId, delay: plan.ingestTimeoutMs, ignoreDependencyOnFailure: true, ...KEEP_ENDED };
    await this.#addFlow(plan, [{ name: 'gate', queueName: GATE_QUEUE, data: { sealed: false }, opts }]);
  }

  async #addChunk(plan: BatchPlan, from: number): Promise<number> {
    let added = 0;
    const parent = { id: plan.job.batch_id, queue: `${this.#prefix}:${BATCH_QUEUE}` };
    for (let at = from; at < Math.min(from + CHUNK, plan.tasks.length); at += PIPELINE) {
      const slice = plan.tasks.slice(at, Math.min(at + PIPELINE, from + CHUNK));
      for (const [lane, tasks] of Map.groupBy(slice, laneOfTask)) {
        const entries = await this.#missing(
          lane,
          tasks.map((task) => entryOf(task, plan)),
        );
        if (entries.length === 0) continue;
        added += entries.length;
        const jobs = await this.#queue(lane).addBulk(
          entries.map((entry) => ({ ...entry, opts: { ...entry.opts, parent } })),
        );
        checkIds(
          jobs.map((job) => job.id),
          entries.map((entry) => entry.opts.jobId),
        );
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return added;
  }

  async #addFlow(
    plan: BatchPlan,
    children: { name: string; queueName: string; data: object; opts: JobsOptions & { jobId: string } }[],
  ): Promise<void> {
    const settle = { attempts: SETTLE_TRIES, backoff: { type: 'fixed', delay: 5000 } };
    const node = await this.#flow.add(
      {
        name: plan.job.name,
        queueName: BATCH_QUEUE,
        data: plan.job,
        opts: { jobId: plan.job.batch_id, ...settle, ...KEEP_ENDED },
        children,
      },
      {
        queuesOptions: Object.fromEntries(
          [BATCH_QUEUE, ...children.map((child) => child.queueName)].map((name) => [name, STREAMS]),
        ),
      },
    );
    checkIds([node.job.id], [plan.job.batch_id]);
    checkIds(
      node.children?.map((child) => child.job.id) ?? [],
      children.map((child) => child.opts.jobId),
    );
  }

  async #missing(lane: string, entries: TaskEntry[]): Promise<TaskEntry[]> {
    const ids = entries.map(({ opts }) => opts.jobId);
    const existing = new Set(await existingIds(this.#redis, this.#queue(lane), ids));
    return entries.filter(({ opts }) => !existing.has(opts.jobId));
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = new Queue(name, { connection: this.#redis, prefix: this.#prefix, ...STREAMS });
    queue.on('error', () => undefined); // the owner of the connection listens for its errors
    this.#queues.set(name, queue);
    return queue;
  }
}

function laneOfTask({ data }: { data: TaskJob }): string {
  return laneOf(data.route.provider);
}

function entryOf(task: { name: string; data: TaskJob }, plan: BatchPlan): TaskEntry {
  return {
    ...task,
    opts: {
      jobId: taskIdOf(task.data.batch_id, task.data.index),
      priority: plan.priority,
      attempts: plan.attempts,
      backoff: { type: BACKOFF, delay: plan.backoffMs },
      ignoreDependencyOnFailure: true,
      keepLogs: KEEP_LOGS,
      ...KEEP_ENDED,
    },
  };
}

function checkIds(got: (string | undefined)[], asked: string[]): void {
  const wrong = asked.findIndex((id, position) => got[position] !== id);
  if (wrong < 0 && got.length === asked.length) return;
  throw new ErrandError('ENQUEUE_INCOMPLETE', `the queue returned the job id ${got[wrong]}; expected ${asked[wrong]}`);
}
