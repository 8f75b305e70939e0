import type { Redis } from 'ioredis';
import { LedgerRow } from '../contract/cleanup.ts';
import { WorkerIdentity } from '../contract/worker-identity.ts';
import { Keys } from './keys.ts';
import { pairsOf } from './pairs.ts';
import { readEntry } from './read-record.ts';
import { repliesOf } from './replies.ts';
import type { RowEntry } from './task-history.ts';
import { FORGET_WORKER, READ_WORKERS, REGISTER_WORKER } from './worker-scripts.ts';

/**
 * A worker on record, how long ago it gave a sign of life, and how many ledger rows it has open. `identity` is `null` for a
 * stranger: one whose identity cannot be read here, or was lost and is not written again yet.
 */
export type WorkerOnRecord = {
  instance: string;
  identity: WorkerIdentity | null;
  silentMs: number;
  openRows: number;
};

/** An open ledger row with the task it belongs to. */
export type OpenRow = RowEntry & { taskId: string };

/** A row that the index of a worker names, with the time of its intent. `row` is `null` where it cannot be read here. */
export type IndexedRow = { taskId: string; id: string; intentMs: number; row: LedgerRow | null };

/** The records of workers: who they are, whether they live, what they hold. */
export class WorkerRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /**
   * Puts a worker on record with a sign of life, by the clock of Redis. Done before it takes its first task, so that every
   * row's owner can be looked up, and again with every beat: a worker that was lost from the record puts itself back.
   */
  async register(identity: WorkerIdentity): Promise<void> {
    const { instance } = identity;
    const keys = [this.#keys.workers(), this.#keys.beats()];
    await REGISTER_WORKER.run(this.#redis, keys, [instance, JSON.stringify(identity)]);
  }

  /** Takes a worker off the record, unless it holds something or has not been silent for so long by now. */
  async forget(instance: string, silentMs: number): Promise<void> {
    const keys = [this.#keys.workers(), this.#keys.beats(), this.#keys.openRows(instance)];
    await FORGET_WORKER.run(this.#redis, keys, [instance, silentMs]);
  }

  /** Every worker on record. */
  async list(): Promise<WorkerOnRecord[]> {
    const reply = await READ_WORKERS.run(this.#redis, [this.#keys.workers(), this.#keys.beats()], []);
    const [nowMs, identities, lastBeats] = reply as [number, string[], string[]];
    const beats = new Map(pairsOf(lastBeats));
    const known = pairsOf(identities);
    const pipeline = this.#redis.pipeline();
    for (const [instance] of known) pipeline.zcard(this.#keys.openRows(instance));
    const counts = await repliesOf(pipeline);
    return known.map(([instance, text], at) => ({
      instance,
      identity: readEntry(WorkerIdentity, text),
      silentMs: Math.max(0, nowMs - Number(beats.get(instance) ?? 0)),
      openRows: Number(counts[at]),
    }));
  }

  /**
   * The open rows of a worker, oldest first, after the first `from`. What the index names and the ledger no longer has,
   * because another worker made the row its own, is taken off the index.
   */
  async openRowsOf(instance: string, most: number, from = 0): Promise<IndexedRow[]> {
    const index = this.#keys.openRows(instance);
    const flat = await this.#redis.zrange(index, String(from), String(from + most - 1), 'WITHSCORES');
    const named = pairsOf(flat).map(([member, intent]) => {
      const cut = member.indexOf('/');
      return { member, taskId: member.slice(0, cut), id: member.slice(cut + 1), intentMs: Number(intent) };
    });
    const pipeline = this.#redis.pipeline();
    for (const { taskId, id } of named) pipeline.hget(this.#keys.ledger(taskId), id);
    const texts = await repliesOf(pipeline);
    const rows: IndexedRow[] = [];
    const stale: string[] = [];
    for (const [at, { member, ...entry }] of named.entries()) {
      const text = texts[at];
      const row = typeof text === 'string' ? readEntry(LedgerRow, text) : null;
      const isHeld = row ? row.owner === instance : typeof text === 'string';
      if (isHeld) rows.push({ ...entry, row });
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
