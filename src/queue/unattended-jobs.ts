import { type Job, Queue } from 'bullmq';
import { parseTaskId } from '../base/ids.ts';
import { ProviderName } from '../contract/route.ts';
import { readTaskJob, type TaskJob, type Wake } from '../contract/task.ts';
import type { Redis } from '../redis/connection.ts';
import { gateIdOf } from './gate.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf, providerOf } from './names.ts';
import { wakeJobs } from './wake.ts';

/** The maximum number of open queues. Lane names come from Redis, so they must not use unlimited memory. */
const MAX_QUEUES = 500;

/** The state of the job of a task. `isHeld`: a worker holds its lock, so the task may run. */
export type JobPlace = { provider: string; isHeld: boolean };

/** Finds, wakes and removes the jobs of batches, for the sweep that ends tasks that no worker runs. */
export class UnattendedJobs {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #onError: (error: unknown) => void;
  readonly #queues = new Map<string, Queue>();

  constructor(redis: Redis, prefix: string, onError: (error: unknown) => void) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#onError = onError;
  }

  /** Returns batches whose jobs wait for their tasks: `count` batches from position `from` in the order of BullMQ. */
  async unsettled(from: number, count: number): Promise<string[]> {
    const key = this.#queue(BATCH_QUEUE).toKey('waiting-children');
    return this.#redis.zrange(key, String(from), String(from + count - 1));
  }

  /** Returns up to `count` batches whose jobs could run now, from a random position. Only a paused queue has many. */
  async ready(count: number): Promise<string[]> {
    const key = this.#queue(BATCH_QUEUE).toKey('wait');
    const from = Math.floor(Math.random() * Math.max(1, (await this.#redis.llen(key)) - count + 1));
    return this.#redis.lrange(key, from, from + count - 1);
  }

  /** Finds the jobs of tasks in the lanes of these providers, in the order asked; `null` for a task without a job. */
  async find(taskIds: readonly string[], providers: readonly string[]): Promise<(JobPlace | null)[]> {
    const pipeline = this.#redis.pipeline();
    for (const taskId of taskIds) {
      for (const provider of providers) {
        const key = this.#queue(laneOf(provider)).toKey(taskId);
        pipeline.exists(key);
        pipeline.exists(`${key}:lock`);
      }
    }
    const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply === 1;
    });
    return taskIds.map((_, task) => {
      const at = providers.findIndex((_provider, lane) => replies[2 * (task * providers.length + lane)]);
      const provider = providers[at];
      if (provider === undefined) return null;
      return { provider, isHeld: replies[2 * (task * providers.length + at) + 1] === true };
    });
  }

  /** Reads the data of a task job; `null` if the job is gone or does not parse. */
  async read(taskId: string, provider: string): Promise<TaskJob | null> {
    const text = await this.#redis.hget(this.#queue(laneOf(provider)).toKey(taskId), 'data');
    if (!text) return null;
    try {
      const reading = readTaskJob(JSON.parse(text));
      return reading.status === 'read' ? reading.job : null;
    } catch {
      return null;
    }
  }

  /** Whether the gate of a large batch is shut: its producer may still add tasks. */
  async isGateShut(batchId: string): Promise<boolean> {
    const gate = await this.#queue(GATE_QUEUE).getJob(gateIdOf(batchId));
    const data: unknown = gate?.data;
    const isSealed = typeof data === 'object' && data !== null && 'sealed' in data && data.sealed === true;
    return gate !== undefined && !isSealed && (await gate.isDelayed());
  }

  /** Opens a gate that is sealed and still shut, because its producer died before it could open it. */
  async promoteGate(batchId: string): Promise<void> {
    const gate = await this.#queue(GATE_QUEUE).getJob(gateIdOf(batchId));
    if (await gate?.isDelayed()) await gate?.promote().catch(() => undefined); // another worker may have opened it
  }

  /**
   * Removes up to `max` jobs of the tasks of a batch that has settled: their tasks have outcomes. A job whose lock a
   * worker holds is left to that worker. The batch job is removed once all jobs that it waits for are gone. Returns how
   * many jobs were removed.
   */
  async tidy(batchId: string, max: number): Promise<number> {
    const key = `${this.#queue(BATCH_QUEUE).toKey(batchId)}:dependencies`;
    const members = await this.#redis.srandmember(key, max);
    const tasks = members.flatMap((member) => this.#taskOf(member, batchId) ?? []);
    const jobs = await Promise.all(tasks.map(({ taskId, provider }) => this.#queue(laneOf(provider)).getJob(taskId)));
    const found = jobs.filter((job) => job !== undefined);
    const hasNoJobs = found.length === 0 && tasks.length === members.length;
    if (hasNoJobs && (await this.#redis.scard(key)) === members.length) found.push(...(await this.#batchJob(batchId)));
    const removed = await Promise.allSettled(found.map((job) => job.remove({ removeChildren: false })));
    return removed.filter(({ status }) => status === 'fulfilled').length;
  }

  async #batchJob(batchId: string): Promise<Job[]> {
    const job = await this.#queue(BATCH_QUEUE).getJob(batchId);
    return job ? [job] : [];
  }

  /** Wakes the jobs of waiting tasks at once. */
  async wake(wakes: readonly Wake[]): Promise<void> {
    await wakeJobs((provider) => this.#queue(laneOf(provider)), wakes);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }

  /** Reads a key that the batch job waits for; `null` unless it names a task job of this batch. */
  #taskOf(member: string, batchId: string): Wake | null {
    const [, queue = '', taskId = ''] = /^(.*):([^:]*)$/.exec(member.slice(this.#prefix.length + 1)) ?? [];
    const provider = providerOf(queue);
    const isOurs = member.startsWith(`${this.#prefix}:`) && parseTaskId(taskId)?.batchId === batchId;
    return isOurs && ProviderName.safeParse(provider).success && provider !== null ? { taskId, provider } : null;
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = new Queue(name, { connection: this.#redis, prefix: this.#prefix, skipMetasUpdate: true });
    queue.on('error', this.#onError);
    this.#queues.set(name, queue);
    const [oldest] = this.#queues;
    if (oldest && this.#queues.size > MAX_QUEUES) {
      this.#queues.delete(oldest[0]);
      oldest[1].close().catch(this.#onError);
    }
    return queue;
  }
}
