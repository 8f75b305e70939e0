import type { Redis } from 'ioredis';
import { BASE_KINDS } from '../../../src/app/resource-kinds.ts';
import type { Deployment } from '../../../src/base/deployment.ts';
import { birthOf } from '../../../src/base/process-birth.ts';
import type { LedgerRow } from '../../../src/contract/cleanup.ts';
import { processTagOf } from '../../../src/processes/tag.ts';
import { Keys } from '../../../src/records/keys.ts';
import { workspaceKind } from '../../../src/tools/workspace/kind.ts';
import type { Random } from '../../storm/random.ts';
import { forge, hostileField, jsonOf, setIn } from './fields.ts';
import { type Place, RECORD_KINDS, type RecordKind, type Victim } from './kinds.ts';
import { type OtherPlace, otherPlaces } from './other-places.ts';
import { type Field, fieldsOf } from './schema-fields.ts';

const TIME = '2026-11-22T00:00:00.000Z';
/** A pid that no process has: above the maximum of Linux. */
const NO_PID = 4_194_305;

/** The values for forged fields, and pids of processes that the deployment must not end. */
type Means = { random: Random; fields: readonly unknown[]; pids: readonly number[] };

/** One field to set: a field of a schema in its record, or another place. */
type Target = { name: string } & ({ kind: RecordKind; field: Field } | { place: OtherPlace });

/** Every field that any schema declares, and every other place. */
export function targets(): Target[] {
  const declared = RECORD_KINDS.flatMap((kind) =>
    fieldsOf(kind.schema).map((field) => ({ name: `${kind.name}: ${field.path.join('.')}`, kind, field })),
  );
  return [...declared, ...otherPlaces().map((place) => ({ name: place.name, place }))];
}

/** Rewrites the records of a deployment in Redis, one field at a time. */
export class Forger {
  readonly #redis: Redis;
  readonly #deployment: Deployment;
  readonly #keys: Keys;
  readonly #means: Means;
  readonly #targets: Target[];
  /** The names of the fields that were set. */
  readonly forged = new Set<string>();
  #next = 0;
  #rows = 0;
  /** The identities of the workers before any forgery, by instance. */
  #living: Record<string, string> | undefined;

  constructor(redis: Redis, deployment: Deployment, means: Means) {
    this.#redis = redis;
    this.#deployment = deployment;
    this.#keys = new Keys(deployment.prefix);
    this.#means = means;
    this.#targets = shuffled(targets(), means.random);
  }

  /** The number of different names among the targets. */
  get declared(): number {
    return new Set(this.#targets.map(({ name }) => name)).size;
  }

  /** The instances of the workers that really live. */
  async living(): Promise<string[]> {
    this.#living ??= await this.#redis.hgetall(this.#keys.workers());
    return Object.keys(this.#living);
  }

  /** Sets the next field for a victim. Returns which field and the value. */
  async forgeNext(victim: Victim): Promise<string> {
    const target = this.#targets[this.#next++ % this.#targets.length];
    if (!target) return 'nothing';
    const value = hostileField(this.#means.random, this.#means.fields);
    const isSet = await this.#write(target, victim, value).then(
      () => true,
      () => false, // a key of another type, or a number that Redis refuses
    );
    if (isSet) this.forged.add(target.name);
    return `${victim.taskId} ${target.name} = ${JSON.stringify(value)?.slice(0, 80)}${isSet ? '' : ' (refused)'}`;
  }

  async #write(target: Target, victim: Victim, value: unknown): Promise<void> {
    const { prefix } = this.#deployment;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if ('place' in target) {
      const score = typeof value === 'number' ? String(value) : '0';
      const forged = { redis: this.#redis, keys: this.#keys, prefix, victim, value, text, score };
      await target.place.write(forged);
      return;
    }
    const place = target.kind.place(this.#keys, victim, prefix);
    const live = jsonOf((await this.#read(place)) ?? '');
    const { path, sample } = target.field;
    await this.#put(place, JSON.stringify(setIn(this.#based(sample, live, victim), path, value)));
  }

  /** A record that has every field of the sample and says that it belongs to the victim. Half the time, live fields are kept. */
  #based(sample: unknown, live: unknown, { batchId, taskId, index, instance, provider }: Victim): unknown {
    if (typeof sample !== 'object' || sample === null || Array.isArray(sample)) return sample;
    const ids = { batch_id: batchId, task_id: taskId, index, instance, owner: instance, provider };
    const own = Object.fromEntries(Object.entries(ids).filter(([name]) => Object.hasOwn(sample, name)));
    const kept = typeof live === 'object' && live !== null && this.#means.random.chance(0.5) ? live : {};
    return structuredClone({ ...sample, ...own, ...kept });
  }

  async #read(place: Place): Promise<string | null> {
    if (place.type === 'hash') return this.#redis.hget(place.key, place.field);
    if (place.type === 'list') return this.#redis.lindex(place.key, 0);
    return place.type === 'string' ? this.#redis.get(place.key) : null;
  }

  async #put(place: Place, text: string): Promise<void> {
    if (place.type === 'hash') await this.#redis.hset(place.key, place.field, text);
    else if (place.type === 'channel') await this.#redis.publish(place.key, text);
    else if (place.type === 'string') await this.#redis.set(place.key, text, 'KEEPTTL');
    else if ((await this.#redis.llen(place.key)) > 0) await this.#redis.lset(place.key, 0, text);
    else await this.#redis.rpush(place.key, text);
  }

  /** Adds a row of any kind that belongs to a provably dead worker and names a resource outside the deployment. */
  async addRow(taskId: string): Promise<string> {
    const { random, fields } = this.#means;
    const value = hostileField(random, fields);
    const kind = random.pick([workspaceKind(this.#deployment).kind, ...BASE_KINDS]);
    const instance = `dead-${++this.#rows}`;
    const ref = this.#refOf(kind, typeof value === 'string' ? value : JSON.stringify(value), taskId);
    const held = { kind, ref, epoch: 1, owner: instance, intent_at: TIME };
    const row: LedgerRow = { status: 'acquired', acquired_at: TIME, ...held };
    const id = kind === 'process' ? '1.process.1' : `1.${kind}.${row.ref}`;
    // Like a live worker of this machine, but with a pid that no process has: so its death is proven.
    const [living = ''] = await this.living();
    const identity = { ...JSON.parse(this.#living?.[living] ?? '{}'), instance, name: instance, pid: NO_PID };
    const mayForge = (text: string) =>
      random.chance(0.3) ? forge(text, random, hostileField(random, fields)).text : text;
    await this.#redis.hset(this.#keys.ledger(taskId), id, mayForge(JSON.stringify(row)));
    await this.#redis.hset(this.#keys.workers(), instance, mayForge(JSON.stringify(identity)));
    await this.#redis.hset(this.#keys.beats(), instance, mayForge('1'));
    await this.#redis.zadd(this.#keys.openRows(instance), 1, `${taskId}/${id}`);
    return `${taskId} a row of a dead worker: ${kind} ${row.ref.slice(0, 80)}`;
  }

  /** A reference in the form of its kind that names a resource outside the deployment. */
  #refOf(kind: string, ref: string, taskId: string): string {
    const { random, pids } = this.#means;
    if (kind === 'response') return `steady/${ref}`;
    if (kind !== 'process') return ref;
    const pid = pids[random.whole(0, pids.length - 1)] ?? 1;
    const tag = processTagOf(this.#deployment, taskId, '1.process.1');
    return random.pick([
      `${pid}:${birthOf(pid)}:${tag}`,
      `${pid}:${birthOf(pid)}:1.process.1`,
      `${pid}:unknown:${tag}`,
      ref,
    ]);
  }
}

function shuffled<T>(list: T[], random: Random): T[] {
  return list
    .map((entry) => ({ entry, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ entry }) => entry);
}
