import { holderIdOf, parseTaskId } from '../base/ids.ts';
import { LedgerRow } from '../contract/cleanup.ts';
import { Takers } from '../contract/takers.ts';
import { WorkerIdentity } from '../contract/worker-identity.ts';
import type { Redis } from '../redis/connection.ts';
import { pairs, typedRepliesOf } from '../redis/replies.ts';
import { Keys } from './keys.ts';
import { readEntry } from './read-record.ts';
import type { IndexedRow } from './row.ts';
import { workersIn } from './script-keys.ts';
import { FORGET_WORKER, READ_WORKERS, REGISTER_WORKER } from './scripts/worker.ts';

/**
 * A registered worker, the time since its last beat, and its number of open ledger rows. `identity` is `null` if this
 * version cannot read it, or if it was lost and is not written again yet.
 */
export type WorkerOnRecord = {
  instance: string;
  identity: WorkerIdentity | null;
  silentMs: number;
  openRows: number;
};

/** How long Redis keeps the takers of a worker. */
const TAKERS_KEPT_MS = 24 * 3_600_000;

/** The maximum time of a date, in ms. */
const MAX_TIME_MS = 8.64e15;

/** The records of workers: their identity, their last beat, and the rows that they hold. */
export class WorkerRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /**
   * Registers a worker with a beat, by the clock of Redis. A worker calls it before it takes its first task, so that
   * every row has a known owner, and with every beat, so that a lost entry is restored. `takers` are kept for a day
   * after the last beat, for the worker that proves its death.
   */
  async register(identity: WorkerIdentity, takers?: Takers): Promise<void> {
    const { instance } = identity;
    const args = { instance, identity: JSON.stringify(identity) };
    await REGISTER_WORKER.run(this.#redis, { keys: workersIn(this.#keys), args });
    if (takers) await this.#redis.set(this.#keys.takers(instance), JSON.stringify(takers), 'PX', TAKERS_KEPT_MS);
  }

  /**
   * Reads the id of the BullMQ worker of each queue; `null` for a worker of an earlier version, which did not store it.
   */
  async takersOf(instance: string): Promise<Takers | null> {
    const text = await this.#redis.get(this.#keys.takers(instance));
    return text === null ? null : readEntry(Takers, text);
  }

  /**
   * Returns the attempts of a worker that have open rows and are the newest of their tasks, and when each wrote its
   * first row.
   */
  async attemptsOf(instance: string, max: number): Promise<{ taskId: string; intentMs: number }[]> {
    const rows = (await this.openRowsOf(instance, max)).filter((row) => row.status === 'readable');
    const pipeline = this.#redis.pipeline();
    for (const { taskId } of rows) pipeline.hget(this.#keys.task(taskId), 'epoch');
    const epochs = await typedRepliesOf(pipeline);
    const attempts = new Map<string, number>();
    for (const [at, { taskId, intentMs, entry }] of rows.entries()) {
      if (String(entry.epoch) !== epochs[at]) continue;
      attempts.set(taskId, Math.min(attempts.get(taskId) ?? intentMs, intentMs));
    }
    return [...attempts].map(([taskId, intentMs]) => ({ taskId, intentMs }));
  }

  /** The instances of all registered workers. */
  async instances(): Promise<string[]> {
    return this.#redis.hkeys(this.#keys.workers());
  }

  /** The identities of these workers; `null` for an unknown worker. */
  async identities(instances: string[]): Promise<[string, WorkerIdentity | null][]> {
    if (instances.length === 0) return [];
    const texts = await this.#redis.hmget(this.#keys.workers(), ...instances);
    return instances.map((instance, at) => [instance, identityIn(texts[at] ?? '', instance)]);
  }

  /** Removes the worker unless it holds resources or sent a heartbeat within `silentMs`. */
  async forget(instance: string, silentMs: number): Promise<void> {
    const keys = { ...workersIn(this.#keys), open_rows: this.#keys.openRows(instance) };
    if (await FORGET_WORKER.run(this.#redis, { keys, args: { instance, silent_ms: silentMs } })) {
      await this.#redis.unlink(this.#keys.takers(instance));
    }
  }

  /** Returns every registered worker. */
  async list(): Promise<WorkerOnRecord[]> {
    const {
      nowMs,
      identities,
      beats: lastBeats,
    } = await READ_WORKERS.run(this.#redis, { keys: workersIn(this.#keys) });
    const beats = new Map(lastBeats);
    const pipeline = this.#redis.pipeline();
    for (const [instance] of identities) pipeline.zcard(this.#keys.openRows(instance));
    const counts = await typedRepliesOf(pipeline);
    return identities.map(([instance, text], at) => ({
      instance,
      identity: identityIn(text, instance),
      silentMs: Math.max(0, nowMs - numberIn(beats.get(instance))),
      openRows: Number(counts[at] ?? 0),
    }));
  }

  /**
   * The open rows of a worker, oldest first, after the first `from`. Removes entries of the index whose row the ledger
   * no longer has, because another worker took the row over. An entry that names no task stays and is not read.
   */
  async openRowsOf(instance: string, max: number, from = 0): Promise<IndexedRow[]> {
    const index = this.#keys.openRows(instance);
    const page = this.#redis.pipeline().zrange(index, String(from), String(from + max - 1), 'WITHSCORES');
    const [entries] = await typedRepliesOf(page);
    const named = (entries === undefined ? [] : pairs(entries)).map(([member, intent]) => ({
      member,
      ...placeOf(member),
      intentMs: timeIn(intent),
    }));
    const pipeline = this.#redis.pipeline();
    const holder = holderIdOf(instance);
    for (const { taskId, id } of named) {
      pipeline.hget(taskId === holder ? this.#keys.workerLedger(instance) : this.#keys.ledger(taskId), id);
    }
    const texts = await typedRepliesOf(pipeline);
    const rows: IndexedRow[] = [];
    const stale: string[] = [];
    for (const [at, { member, ...place }] of named.entries()) {
      const isKnown = place.taskId === holder || parseTaskId(place.taskId) !== null;
      const entry = isKnown ? entryIn(texts[at]) : null;
      const isStale = texts[at] === null || (entry !== null && entry.owner !== instance);
      if (isStale && isKnown) stale.push(member);
      else rows.push(entry === null ? { status: 'unreadable', ...place } : { status: 'readable', ...place, entry });
    }
    if (stale.length === 0) return rows;
    await this.#redis.zrem(index, ...stale);
    return rows.length > 0 ? rows : this.openRowsOf(instance, max, from);
  }

  /** Claims the resources of a dead worker for `forMs`, to release them; `false` while another worker has the claim. */
  async claim(instance: string, by: string, forMs: number): Promise<boolean> {
    return (await this.#redis.set(this.#keys.reclaimClaim(instance), by, 'PX', forMs, 'NX')) === 'OK';
  }

  /** Releases a claim. */
  async unclaim(instance: string): Promise<void> {
    await this.#redis.unlink(this.#keys.reclaimClaim(instance));
  }
}

/** Returns the task and the row that an entry of an index names. */
function placeOf(member: string): { taskId: string; id: string } {
  const cut = member.indexOf('/');
  return { taskId: member.slice(0, cut), id: member.slice(cut + 1) };
}

/** The identity of a worker; `null` also if the stored identity belongs to another instance. */
function identityIn(text: string, instance: string): WorkerIdentity | null {
  const identity = readEntry(WorkerIdentity, text);
  return identity?.instance === instance ? identity : null;
}

function entryIn(text: unknown): LedgerRow | null {
  return typeof text === 'string' ? readEntry(LedgerRow, text) : null;
}

/** Reads a number from Redis; 0 for text that is not a number, so that NaN never spreads. */
function numberIn(text: string | undefined): number {
  const number = Number(text ?? 0);
  return Number.isFinite(number) ? number : 0;
}

/** Reads a time in ms from Redis; 0 for a time outside the range of dates. */
function timeIn(text: string): number {
  const timeMs = numberIn(text);
  return Math.abs(timeMs) <= MAX_TIME_MS ? timeMs : 0;
}
