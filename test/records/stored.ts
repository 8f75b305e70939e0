import type { Redis } from 'ioredis';
import { parseTaskId } from '../../src/base/ids.ts';
import { Keys } from '../../src/records/keys.ts';

/** A row as it is stored on the ledger of a task, or as a step once it is closed. */
type StoredRow = { kind: string; status: string; evidence?: string };

/** Reads stored records as they are, so that no test outside of this folder knows how they are stored. */
export class Stored {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(prefix: string, redis: Redis) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** The text of a task's outcome. */
  async outcome(taskId: string): Promise<string> {
    const { batchId, index } = parseTaskId(taskId) ?? { batchId: '', index: 0 };
    return (await this.#redis.hget(this.#keys.outcomes(batchId), String(index))) ?? '';
  }

  /** The text of a batch's summary. */
  async summary(batchId: string): Promise<string> {
    return (await this.#redis.hget(this.#keys.batch(batchId), 'summary')) ?? '';
  }

  /** The names in line for a place of the batch, in order. */
  parked(batchId: string): Promise<string[]> {
    return this.#redis.zrange(this.#keys.parked(batchId), '0', '-1');
  }

  /** How many tasks of the batch come back later by themselves. */
  countResting(batchId: string): Promise<number> {
    return this.#redis.scard(this.#keys.resting(batchId));
  }

  /** The names of the fields that are stored of a task, sorted. */
  async taskFields(taskId: string): Promise<string[]> {
    return (await this.#redis.hkeys(this.#keys.task(taskId))).toSorted();
  }

  /** The rows of a task that has no outcome: the open ones, then the closed ones. */
  async rows(taskId: string): Promise<StoredRow[]> {
    const open = await this.#redis.hvals(this.#keys.ledger(taskId));
    const closed = await this.#redis.lrange(this.#keys.released(taskId), 0, -1);
    return [...open, ...closed].map((text) => JSON.parse(text) as StoredRow);
  }

  /** The open rows in the index of a worker, as `<task id>/<row id>`. */
  indexedRows(owner: string): Promise<string[]> {
    return this.#redis.zrange(this.#keys.openRows(owner), '0', '-1');
  }

  /** The keys that index open rows, one for each worker that holds any. */
  workersHolding(): Promise<string[]> {
    return this.#redis.keys(this.#keys.openRows('*'));
  }

  /** Every open row as `<task id>/<row id>`, sorted: those on the ledgers of tasks, and those that only an index has. */
  async openRows(): Promise<string[]> {
    const rows = new Set<string>();
    const [before = '', after = ''] = this.#keys.ledger('*').split('*');
    for (const ledger of await this.#redis.keys(this.#keys.ledger('*'))) {
      const taskId = ledger.slice(before.length, ledger.length - after.length);
      for (const id of await this.#redis.hkeys(ledger)) rows.add(`${taskId}/${id}`);
    }
    for (const index of await this.workersHolding())
      for (const row of await this.#redis.zrange(index, '0', '-1')) rows.add(row);
    return [...rows].sort();
  }

  /** The instances of all registered workers. */
  instances(): Promise<string[]> {
    return this.#redis.hkeys(this.#keys.workers());
  }

  /** For how many ms the claim of the producer that adds the batch still holds. */
  claimMs(batchId: string): Promise<number> {
    return this.#redis.pttl(this.#keys.claim(batchId));
  }

  /** In how many seconds a key of the batch expires; -1: never, -2: there is no such key. */
  secondsLeft(key: 'batch' | 'outcomes' | 'taskMetadata', batchId: string): Promise<number> {
    return this.#redis.ttl(this.#keys[key](batchId));
  }

  /** Tells whether a worker announces the lanes that it serves. */
  async isAnnounced(instance: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.serves(instance))) === 1;
  }

  /** How many clients listen for cancels, or for the events of a batch. */
  async listeners(batchId?: string): Promise<number> {
    const channel = batchId === undefined ? this.#keys.cancels() : this.#keys.events(batchId);
    const [, count] = (await this.#redis.pubsub('NUMSUB', channel)) as [string, number];
    return count;
  }
}
