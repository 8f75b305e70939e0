import type { Redis } from 'ioredis';
import { parseTaskId } from '../../src/base/ids.ts';
import { Keys, partsOf } from '../../src/records/keys.ts';
import { openRedis } from '../helpers/redis.ts';

/** A record that has another type than ours in Redis, as a foreign program may leave it. */
type Damaged = 'openRows' | 'ledger' | 'released' | 'taskMetadata';

/** An open row of a worker: in the index of its owner, and in the ledger of its task unless `row` is missing. */
type PlantedRow = { owner: string; taskId: string; id: string; row?: unknown; intentMs?: number | string };

/** Plants records of one prefix by what they mean. A value is stored as JSON, and a text as it is. */
export function givenIn(prefix: string, redis: Redis = openRedis()): Given {
  return new Given(prefix, redis);
}

/** Plants records by what they mean, so that no test outside of this folder knows how they are stored. */
export class Given {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(prefix: string, redis: Redis) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** The identity of a worker; `null` for a worker whose identity was lost. It has no beat. */
  async identity(instance: string, identity: unknown): Promise<void> {
    await this.#redis.hset(this.#keys.workers(), instance, textOf(identity));
  }

  /** The last beat of a worker was so long ago, by the clock of Redis; a negative time is in the future. */
  async silence(instance: string, ms: number): Promise<void> {
    const [seconds, micros] = await this.#redis.time();
    await this.beat(instance, Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) - ms);
  }

  /** The last beat of a worker, as a time in ms or as a text that is no time. */
  async beat(instance: string, at: number | string): Promise<void> {
    await this.#redis.hset(this.#keys.beats(), instance, at);
  }

  /** Redis lost every worker and beat. */
  async noWorkers(): Promise<void> {
    await this.#redis.unlink(this.#keys.workers(), this.#keys.beats());
  }

  /** Redis lost which BullMQ workers take the jobs of a worker, as of one of an earlier version. Returns whether it had it. */
  async noTakers(instance: string): Promise<boolean> {
    return (await this.#redis.unlink(this.#keys.takers(instance))) === 1;
  }

  /** An open row. The time of its intent is 1 ms after the epoch by default: the row is old. */
  async openRow({ owner, taskId, id, row, intentMs = 1 }: PlantedRow): Promise<void> {
    if (row !== undefined) await this.#redis.hset(this.#keys.ledger(taskId), id, textOf(row));
    await this.#redis.zadd(this.#keys.openRows(owner), intentMs, `${taskId}/${id}`);
  }

  /** The index of the open rows of a worker is gone; `*`: of every worker. */
  async noOpenRows(owner: string): Promise<void> {
    await this.#unlinkAll(this.#keys.openRows(owner));
  }

  /** A key of another type than ours. `id` is the owner, the task or the batch that the record belongs to. Returns how to end that. */
  async damaged(record: Damaged, id: string): Promise<{ mend: () => Promise<unknown> }> {
    const key = this.#keys[record](id);
    await this.#redis.set(key, 'of another type');
    return { mend: () => this.#redis.unlink(key) };
  }

  /** An attempt of the task, which makes its epoch the newest. */
  async attempt(taskId: string, epoch: number, attempt: unknown): Promise<void> {
    await this.#redis.hset(this.#keys.task(taskId), 'epoch', epoch, `a${epoch}`, textOf(attempt));
  }

  /** One more turn of the task. */
  async turn(taskId: string, checkpoint: unknown): Promise<void> {
    await this.#redis.rpush(this.#keys.turns(taskId), textOf(checkpoint));
  }

  /** The outcome of the task. */
  async outcome(taskId: string, outcome: unknown): Promise<void> {
    const { batchId, index } = partsOf(taskId);
    await this.#redis.hset(this.#keys.outcomes(batchId), index, textOf(outcome));
  }

  /** The outcome of the task as it is, with fields added or replaced. */
  async outcomeChanged(taskId: string, more: object): Promise<void> {
    const { batchId, index } = partsOf(taskId);
    await this.#change(this.#keys.outcomes(batchId), String(index), more);
  }

  /** The record of the batch as it is, with fields added or replaced. */
  async batchChanged(batchId: string, more: object): Promise<void> {
    await this.#change(this.#keys.batch(batchId), 'data', more);
  }

  /** The producer did not seal the batch. `forSeconds`: the record then expires, as an unsealed record does. */
  async unsealed(batchId: string, forSeconds?: number): Promise<void> {
    await this.#redis.hset(this.#keys.batch(batchId), 'status', 'enqueueing');
    if (forSeconds !== undefined) await this.#redis.expire(this.#keys.batch(batchId), forSeconds);
  }

  /** The batch is settled with this summary. */
  async settled(batchId: string, summary: unknown): Promise<void> {
    await this.#redis.hset(this.#keys.batch(batchId), 'summary', textOf(summary), 'status', 'settled');
  }

  /** The cancel flag of a batch or a task, of which no worker was told. */
  async cancelled(id: string, flag: unknown): Promise<void> {
    const task = parseTaskId(id);
    const key = this.#keys.batch(task?.batchId ?? id);
    await this.#redis.hset(key, task ? `cancel:${task.index}` : 'cancel', textOf(flag));
  }

  /** Names of jobs before all others in the line for a place of the batch. */
  async parked(batchId: string, names: readonly string[]): Promise<void> {
    await this.#redis.zadd(this.#keys.parked(batchId), ...names.flatMap((name) => [-1, name]));
  }

  /** The claim of the producer that adds the batch has lapsed. */
  async noClaim(batchId: string): Promise<void> {
    await this.#redis.pexpire(this.#keys.claim(batchId), 0);
  }

  /** All records of the batch are gone, as after their retention. */
  async noBatch(batchId: string): Promise<void> {
    await this.#unlinkAll(`${this.#keys.batch(batchId)}*`);
  }

  /** The copies of the metadata of the tasks are gone. */
  async noTaskMetadata(batchId: string): Promise<void> {
    await this.#redis.unlink(this.#keys.taskMetadata(batchId));
  }

  /** A worker last served the lane so long ago. */
  async laneServed(lane: string, agoMs: number): Promise<void> {
    await this.#redis.hset(this.#keys.lanesServed(), lane, String(Date.now() - agoMs));
  }

  /** All notes about when lanes were served, and when the batch was found unserved, are older by this time. */
  async unservedLonger(batchId: string, ms: number): Promise<void> {
    const lanes = this.#keys.lanesServed();
    for (const lane of await this.#redis.hkeys(lanes)) await this.#redis.hincrby(lanes, lane, -ms);
    await this.#redis.hincrby(this.#keys.batch(batchId), 'unserved_at', -ms);
  }

  /** No worker has the turn to sweep. */
  async noSweep(): Promise<void> {
    await this.#redis.unlink(this.#keys.sweepTurn());
  }

  /** Another worker ends the tasks of the batch, for 10 s. */
  async endingElsewhere(batchId: string): Promise<void> {
    await this.#redis.set(this.#keys.endingClaim(batchId), 'another', 'PX', 10_000);
  }

  /** No worker ends the tasks of the batch. */
  async noEnding(batchId: string): Promise<void> {
    await this.#redis.unlink(this.#keys.endingClaim(batchId));
  }

  async #unlinkAll(pattern: string): Promise<void> {
    const found = await this.#redis.keys(pattern);
    if (found.length > 0) await this.#redis.unlink(...found);
  }

  async #change(key: string, field: string, more: object): Promise<void> {
    const record = JSON.parse((await this.#redis.hget(key, field)) ?? '{}');
    await this.#redis.hset(key, field, JSON.stringify({ ...record, ...more }));
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
