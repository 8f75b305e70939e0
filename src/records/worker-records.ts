import type { Redis } from 'ioredis';
import { LedgerRow } from '../contract/cleanup.ts';
import { WorkerIdentity } from '../contract/worker-identity.ts';
import { Keys } from './keys.ts';
import type { RowEntry } from './task-history.ts';
import { BEAT, FORGET_WORKER } from './worker-scripts.ts';

/** A worker on record, how long ago it gave a sign of life, and how many ledger rows it has open. */
export type WorkerOnRecord = { identity: WorkerIdentity; silentMs: number; openRows: number };

/** An open ledger row with the task it belongs to. */
export type OpenRow = RowEntry & { taskId: string };

/** The records of workers: who they are, whether they live, what they hold. */
export class WorkerRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Puts a worker on record. Done before it takes its first task, so that every row's owner can be looked up. */
  async register(identity: WorkerIdentity): Promise<void> {
    await this.#redis.hset(this.#keys.workers(), identity.instance, JSON.stringify(identity));
    await this.beat(identity.instance);
  }

  /** Notes a sign of life, by the clock of Redis. */
  async beat(instance: string): Promise<void> {
    await BEAT.run(this.#redis, [this.#keys.beats()], [instance]);
  }

  /** Takes a worker off the record, unless it holds something. */
  async forget(instance: string): Promise<void> {
    const keys = [this.#keys.workers(), this.#keys.beats(), this.#keys.openRows(instance)];
    await FORGET_WORKER.run(this.#redis, keys, [instance]);
  }

  /** Every worker on record. */
  async list(): Promise<WorkerOnRecord[]> {
    const identities = await this.#redis.hgetall(this.#keys.workers());
    const pipeline = this.#redis.pipeline().time().hgetall(this.#keys.beats());
    const instances = Object.keys(identities);
    for (const instance of instances) pipeline.zcard(this.#keys.openRows(instance));
    const [time, beats, ...counts] = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
    const [seconds = 0, micros = 0] = (time as unknown[]).map(Number);
    const nowMs = seconds * 1000 + micros / 1000;
    return instances.map((instance, at) => ({
      identity: WorkerIdentity.parse(JSON.parse(identities[instance] ?? '')),
      silentMs: Math.max(0, nowMs - Number((beats as Record<string, string>)[instance] ?? 0)),
      openRows: Number(counts[at]),
    }));
  }

  /**
   * The open rows of a worker, oldest first, after the first `from`. What the index names and the ledger no longer has,
   * because another worker made the row its own, is taken off the index.
   */
  async openRowsOf(instance: string, most: number, from = 0): Promise<OpenRow[]> {
    const index = this.#keys.openRows(instance);
    const members = await this.#redis.zrange(index, String(from), String(from + most - 1));
    const named = members.map((member) => {
      const cut = member.indexOf('/');
      return { member, taskId: member.slice(0, cut), id: member.slice(cut + 1) };
    });
    const pipeline = this.#redis.pipeline();
    for (const { taskId, id } of named) pipeline.hget(this.#keys.ledger(taskId), id);
    const replies = (await pipeline.exec()) ?? [];
    const rows: OpenRow[] = [];
    const stale: string[] = [];
    for (const [at, { member, taskId, id }] of named.entries()) {
      const text = replies[at]?.[1];
      const row = typeof text === 'string' ? LedgerRow.parse(JSON.parse(text)) : null;
      if (row?.owner === instance) rows.push({ taskId, id, row });
      else stale.push(member);
    }
    if (stale.length === 0) return rows;
    await this.#redis.zrem(index, ...stale);
    return rows.length > 0 ? rows : this.openRowsOf(instance, most, from);
  }

  /** Claims the releasing of what a dead worker held, for `forMs`; `false` while another worker has it. */
  async claim(instance: string, by: string, forMs: number): Promise<boolean> {
    return (await this.#redis.set(this.#keys.reclaimClaim(instance), by, 'PX', forMs, 'NX')) === 'OK';
  }

  /** Gives a claim up. */
  async unclaim(instance: string): Promise<void> {
    await this.#redis.unlink(this.#keys.reclaimClaim(instance));
  }
}
