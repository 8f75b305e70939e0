import { BatchRecord } from '../contract/batch.ts';
import { MAX_TASKS } from '../contract/limits.ts';
import type { Redis } from '../redis/connection.ts';
import { repliesOf, texts, textsOrNull } from '../redis/replies.ts';
import { Keys } from './keys.ts';
import { readEntry } from './read-record.ts';
import { NOTE_SERVED, NOTE_UNSERVED, OPEN_GATE, OPEN_TASKS } from './scripts/unattended.ts';

/** How long Redis keeps the time at which a lane was last served. */
const REMEMBER_LANE_MS = 30 * 24 * 3_600_000;
const CANCEL_TASK = 'cancel:';
const HEAD = ['status', 'total', 'cancel', 'gate', 'n:succeeded', 'n:failed', 'n:rejected', 'n:cancelled'];

/** The facts that a sweep needs about an unsettled batch. */
export type BatchHead = {
  stage: 'enqueueing' | 'running';
  total: number;
  /** How many tasks have their outcome. */
  ended: number;
  /** The whole batch is cancelled. */
  isCancelled: boolean;
  /** The tasks that are cancelled individually. */
  cancelledTasks: number[];
  /** The producer was silent for too long, so the batch runs without the tasks that were not added. */
  isGateOpen: boolean;
};

/** The state of a batch for a sweep: `missing` if its records have expired, `unreadable` if they are damaged. */
export type BatchLook = { status: 'missing' | 'unreadable' | 'settled' } | ({ status: 'unsettled' } & BatchHead);

/** Reads and writes the records for the sweep that ends tasks that no worker runs. */
export class UnattendedRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Claims the sweep for `forMs`; `false` while another worker has it. */
  async takeTurn(by: string, forMs: number): Promise<boolean> {
    return (await this.#redis.set(this.#keys.sweepTurn(), by, 'PX', forMs, 'NX')) === 'OK';
  }

  /** Claims the ending of tasks of a batch for `forMs`; `false` while another worker has it. */
  async claim(batchId: string, by: string, forMs: number): Promise<boolean> {
    return (await this.#redis.set(this.#keys.endingClaim(batchId), by, 'PX', forMs, 'NX')) === 'OK';
  }

  /** Extends a claim to `forMs` from now. */
  async keep(batchId: string, forMs: number): Promise<void> {
    await this.#redis.pexpire(this.#keys.endingClaim(batchId), forMs);
  }

  /** Releases a claim. */
  async unclaim(batchId: string): Promise<void> {
    await this.#redis.unlink(this.#keys.endingClaim(batchId));
  }

  /** Reads the states of batches, in the order asked. */
  async look(batchIds: readonly string[]): Promise<BatchLook[]> {
    const pipeline = this.#redis.pipeline();
    for (const batchId of batchIds) {
      pipeline.hmget(this.#keys.batch(batchId), ...HEAD);
      pipeline.hkeys(this.#keys.batch(batchId));
    }
    const replies = await repliesOf(pipeline);
    return batchIds.map((_, at) => lookOf(textsOrNull(replies[2 * at]), texts(replies[2 * at + 1])));
  }

  /** The indexes from `from` to `to` (exclusive) of the tasks that have no outcome. */
  async openTasks(batchId: string, from: number, to: number): Promise<number[]> {
    const keys = { outcomes: this.#keys.outcomes(batchId) };
    return OPEN_TASKS.run(this.#redis, { keys, args: { first: from, to } });
  }

  /** The lanes of the tasks of a batch; `null` if its record is gone or cannot be read here. */
  async lanesOf(batchId: string): Promise<string[] | null> {
    const text = await this.#redis.hget(this.#keys.batch(batchId), 'data');
    const record = text ? readEntry(BatchRecord, text) : null;
    return record && [...new Set(record.routes.map(({ provider }) => provider))];
  }

  /** Records the lanes that are served now, and returns when each lane was last served, in ms of the clock of Redis. */
  async noteServed(lanes: readonly string[]): Promise<Map<string, number>> {
    const keys = { lanes_served: this.#keys.lanesServed() };
    const served = await NOTE_SERVED.run(this.#redis, { keys, args: { remember_ms: REMEMBER_LANE_MS }, rest: lanes });
    return new Map(served.map(([lane, ms]) => [lane, Number(ms)]));
  }

  /** Records that a lane of a batch is unserved. Returns the time of Redis, and when this was first recorded. */
  async noteUnserved(batchId: string): Promise<{ nowMs: number; sinceMs: number }> {
    return NOTE_UNSERVED.run(this.#redis, { keys: { batch: this.#keys.batch(batchId) } });
  }

  /** Records that the gate of a large batch is open, so that its tasks run. */
  async openGate(batchId: string): Promise<void> {
    await OPEN_GATE.run(this.#redis, { keys: { batch: this.#keys.batch(batchId) } });
  }

  /** Removes a task from the tasks to wake before it is closed, so that it takes no place in the line. */
  async dropSleeper(batchId: string, name: string): Promise<void> {
    const pipeline = this.#redis.pipeline();
    pipeline.zrem(this.#keys.parked(batchId), name);
    pipeline.srem(this.#keys.resting(batchId), name);
    await repliesOf(pipeline);
  }
}

function lookOf(head: (string | null)[], fields: string[]): BatchLook {
  const [stage, totalText, cancel, gate, ...counts] = head;
  const total = Number(totalText);
  if (fields.length === 0) return { status: 'missing' };
  if (stage === 'settled') return { status: 'settled' };
  if (!stage || !Number.isInteger(total) || total < 1 || total > MAX_TASKS) return { status: 'unreadable' };
  const cancelledTasks = fields
    .filter((field) => field.startsWith(CANCEL_TASK))
    .map((field) => Number(field.slice(CANCEL_TASK.length)))
    .filter((index) => Number.isInteger(index) && index >= 0 && index < total);
  return {
    status: 'unsettled',
    stage: stage === 'enqueueing' ? 'enqueueing' : 'running',
    total,
    ended: counts.reduce((sum, count) => sum + (Number(count) || 0), 0),
    isCancelled: cancel !== null,
    cancelledTasks,
    isGateOpen: gate === 'open',
  };
}
