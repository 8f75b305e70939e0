import { type Job, Queue } from 'bullmq';
import { isoNow } from '../base/clock.ts';
import type { Takers } from '../contract/takers.ts';
import type { Redis } from '../redis/connection.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf } from './names.ts';
import { isNotOurs } from './not-ours.ts';

/** A job of a worker that did not store its {@link Takers}: its task, and when its attempt wrote its first row. */
export type KnownAttempt = { taskId: string; intentMs: number };

/** The options of {@link HandBack}. `providers`: the providers whose lanes are searched. */
export type HandBackOptions = {
  redis: Redis;
  prefix: string;
  providers: readonly string[];
  onError: (error: unknown) => void;
};

/** A job and the token of its lock, which the queue compares again when it moves the job. */
type Locked = { queue: Queue; jobId: string; token: string };

/**
 * Hands the jobs of a dead worker back to their queues, as a drain does.
 *
 * Invariant: a job is moved only with the token of the dead worker. The queue compares the token in the script that
 * moves the job, so a new owner keeps its job, and the job moves once even if several workers try. See
 * docs/internals/bullmq.md#a-move-needs-the-lock.
 */
export class HandBack {
  readonly #options: HandBackOptions;
  readonly #queues = new Map<string, Queue>();

  constructor(options: HandBackOptions) {
    this.#options = options;
  }

  /** Hands back every job whose lock one of the takers holds, batch and gate jobs included. Resolves with their ids. */
  async jobsOfTakers(takers: Takers, reason: string): Promise<string[]> {
    const held = await Promise.all(
      this.#names().map(async (name) => {
        const taker = Object.hasOwn(takers, name) ? takers[name] : undefined;
        if (!taker) return [];
        const queue = this.#queue(name);
        const locked = await this.#locked(queue, await this.#active(queue));
        return locked.filter(({ token }) => token.startsWith(`${taker}:`));
      }),
    );
    return this.#handBackAll(held.flat(), reason);
  }

  /**
   * Hands back the jobs of attempts of a worker of an earlier version, which did not store the ids of its takers.
   * Resolves with the ids of the jobs.
   *
   * A job belongs to that worker if it has the name of the worker and was taken before the attempt wrote its first row.
   * Another worker, even of the same name, can take the job only after the lock of the dead worker has lapsed.
   */
  async jobsOfAttempts(workerName: string, attempts: readonly KnownAttempt[], reason: string): Promise<string[]> {
    if (attempts.length === 0) return [];
    const intents = new Map(attempts.map(({ taskId, intentMs }) => [taskId, intentMs]));
    const held: Locked[] = [];
    for (const provider of this.#options.providers) {
      const queue = this.#queue(laneOf(provider));
      const ids = (await this.#active(queue)).filter((id) => intents.has(id));
      // The token is read before the job: if a new owner takes the job in between, the queue refuses the token.
      for (const locked of await this.#locked(queue, ids)) {
        const job: Job | undefined = await queue.getJob(locked.jobId);
        const isTheirs =
          job?.processedBy === workerName && (job.processedOn ?? Infinity) <= (intents.get(locked.jobId) ?? 0);
        if (isTheirs) held.push(locked);
      }
    }
    return this.#handBackAll(held, reason);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }

  async #active(queue: Queue): Promise<string[]> {
    return this.#options.redis.lrange(queue.toKey('active'), 0, -1);
  }

  async #locked(queue: Queue, ids: string[]): Promise<Locked[]> {
    if (ids.length === 0) return [];
    const tokens = await this.#options.redis.mget(ids.map((id) => `${queue.toKey(id)}:lock`));
    return ids.flatMap((jobId, at) => {
      const token = tokens[at];
      return token ? [{ queue, jobId, token }] : [];
    });
  }

  async #handBackAll(held: readonly Locked[], reason: string): Promise<string[]> {
    const moved = await Promise.all(held.map((locked) => this.#handBack(locked, reason)));
    return moved.flatMap((id) => id ?? []);
  }

  /** Resolves with the id of the job, or with `null` if it has another owner or is gone. */
  async #handBack({ queue, jobId, token }: Locked, reason: string): Promise<string | null> {
    const job: Job | undefined = await queue.getJob(jobId);
    if (!job) return null;
    try {
      // Started tasks go to the front of the queue.
      if (job.priority !== 0) await job.changePriority({ priority: 0 });
      await job.moveToWait(token);
    } catch (error) {
      if (!isNotOurs(error)) this.#options.onError(error);
      return null;
    }
    await job.log(`${isoNow()} handed back: ${reason}`).catch(() => undefined); // a missing log line does no harm
    return jobId;
  }

  #names(): string[] {
    return [...this.#options.providers.map(laneOf), BATCH_QUEUE, GATE_QUEUE];
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known) return known;
    const { redis, prefix, onError } = this.#options;
    const queue = new Queue(name, { connection: redis, prefix, skipMetasUpdate: true });
    queue.on('error', onError);
    this.#queues.set(name, queue);
    return queue;
  }
}
