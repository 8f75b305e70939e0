import type { Redis } from 'ioredis';
import { birthOf } from '../../../src/base/process-birth.ts';
import { type LedgerRow, ResourceKind } from '../../../src/contract/cleanup.ts';
import { Keys } from '../../../src/records/keys.ts';
import { type Deployment, processTagOf } from '../../../src/worker/row-names.ts';
import type { Random } from '../../storm/random.ts';
import { forge, hostileField } from './fields.ts';

const TIME = '2026-11-22T00:00:00.000Z';
/** A pid that no process has: above the maximum of Linux. */
const NO_PID = 4_194_305;

/** The values for forged fields, and pids of processes that the deployment must not end. */
type Means = { random: Random; fields: readonly unknown[]; pids: readonly number[] };

/** Rewrites the records of a deployment in Redis, one field at a time. */
export class Forger {
  readonly #redis: Redis;
  readonly #deployment: Deployment;
  readonly #random: Random;
  readonly #fields: readonly unknown[];
  readonly #pids: readonly number[];
  /** How many fields of each kind of record were set. */
  readonly forged: Record<string, number> = {};
  #rows = 0;
  /** The identity of the worker before any forgery. */
  #living: string | undefined;

  constructor(redis: Redis, deployment: Deployment, means: Means) {
    this.#redis = redis;
    this.#deployment = deployment;
    this.#random = means.random;
    this.#fields = means.fields;
    this.#pids = means.pids;
  }

  /** Sets a field of some records and jobs of a batch. Returns which fields. */
  async rewrite(batchId: string, times: number): Promise<string[]> {
    const keys = (await this.#redis.keys(`${this.#deployment.prefix}*${batchId}*`))
      .filter((key) => !/:(lock|claim)$/.test(key))
      .sort();
    const done: string[] = [];
    for (let time = 0; time < times && keys.length > 0; time++) {
      const key = keys[this.#random.whole(0, keys.length - 1)] ?? '';
      done.push(...(await this.#rewriteKey(key)));
    }
    return done;
  }

  async #rewriteKey(key: string): Promise<string[]> {
    const value = hostileField(this.#random, this.#fields);
    const type = await this.#redis.type(key);
    if (type === 'hash') {
      const names = await this.#redis.hkeys(key);
      const name = names.sort()[this.#random.whole(0, Math.max(0, names.length - 1))];
      const text = name === undefined ? null : await this.#redis.hget(key, name);
      if (name === undefined || text === null) return [];
      const changed = forge(text, this.#random, value);
      await this.#redis.hset(key, name, changed.text);
      return [this.#note(`${key} ${name}`, changed.field, value)];
    }
    if (type === 'list') {
      const text = await this.#redis.lindex(key, 0);
      if (text === null) return [];
      const changed = forge(text, this.#random, value);
      await this.#redis.lset(key, 0, changed.text).catch(() => 'gone');
      return [this.#note(key, changed.field, value)];
    }
    if (type !== 'string') return [];
    await this.#redis.set(key, String(value), 'KEEPTTL');
    return [this.#note(key, 'all of it', value)];
  }

  /** Adds a row of any kind that belongs to a provably dead worker and names a resource outside the deployment. */
  async addRow(taskId: string): Promise<string> {
    const keys = new Keys(this.#deployment.prefix);
    const random = this.#random;
    const value = hostileField(random, this.#fields);
    const ref = typeof value === 'string' ? value : JSON.stringify(value);
    const kind = random.pick(ResourceKind.options as [ResourceKind, ...ResourceKind[]]);
    const instance = `dead-${++this.#rows}`;
    const row: LedgerRow = {
      status: 'acquired',
      kind,
      ref: this.#refOf(kind, ref, taskId),
      epoch: 1,
      owner: instance,
      intent_at: TIME,
      acquired_at: TIME,
    };
    const id = kind === 'process' ? '1.process.1' : `1.${kind}.${row.ref}`;
    // Like a living worker of this machine, but with a pid that no process has: so its death is proven.
    // Like the living worker of this machine, but with a pid that no process has: so its death is proven.
    this.#living ??= (await this.#redis.hvals(keys.workers()))[0] ?? '{}';
    const identity = { ...JSON.parse(this.#living), instance, name: instance, pid: NO_PID };
    const mayForge = (text: string) =>
      random.chance(0.3) ? forge(text, random, hostileField(random, this.#fields)).text : text;
    await this.#redis.hset(keys.ledger(taskId), id, mayForge(JSON.stringify(row)));
    await this.#redis.hset(keys.workers(), instance, mayForge(JSON.stringify(identity)));
    await this.#redis.hset(keys.beats(), instance, mayForge('1'));
    await this.#redis.zadd(keys.openRows(instance), 1, `${taskId}/${id}`);
    return this.#note('a ledger row', kind, row.ref);
  }

  /** A reference in the form of its kind that names a resource outside the deployment. */
  #refOf(kind: ResourceKind, ref: string, taskId: string): string {
    if (kind === 'response') return `steady/${ref}`;
    if (kind !== 'process') return ref;
    const pid = this.#pids[this.#random.whole(0, this.#pids.length - 1)] ?? 1;
    const tag = processTagOf(this.#deployment, taskId, '1.process.1');
    return this.#random.pick([
      `${pid}:${birthOf(pid)}:${tag}`,
      `${pid}:${birthOf(pid)}:1.process.1`,
      `${pid}:unknown:${tag}`,
      ref,
    ]);
  }

  #note(key: string, field: string, value: unknown): string {
    const kind = /:(?:records:)?([a-z_-]+):/.exec(key)?.[1] ?? key;
    this.forged[kind] = (this.forged[kind] ?? 0) + 1;
    return `${key} ${field} = ${JSON.stringify(value)?.slice(0, 80)}`;
  }
}
