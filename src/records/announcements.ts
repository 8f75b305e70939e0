import { Announcement } from '../contract/announcement.ts';
import type { ServedToolsets } from '../contract/toolset-check.ts';
import type { Redis } from '../redis/connection.ts';
import { Keys } from './keys.ts';
import { readEntry } from './read-record.ts';
import { workersIn } from './script-keys.ts';
import { ANNOUNCE, READ_WORKERS } from './scripts/worker.ts';

/** The lifetime of an announcement, and the maximum age of the last beat of a live worker: the time of three beats. */
const ALIVE_MS = 15_000;

/**
 * A worker with a recent beat. `announcement` is `null` for a worker of an earlier version, which announces nothing and
 * may serve any lane.
 */
export type LiveWorker = { instance: string; announcement: Announcement | null };

/**
 * The announcements of live workers: one value for each worker. It expires unless the worker repeats it with every
 * beat.
 */
export class Announcements {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Announces the lanes of a worker, and records the time at which they are served, by the clock of Redis. */
  async publish(instance: string, announcement: Announcement): Promise<void> {
    const keys = { announcement: this.#keys.serves(instance), lanes_served: this.#keys.lanesServed() };
    const args = { text: JSON.stringify(announcement), lifetime_ms: ALIVE_MS };
    await ANNOUNCE.run(this.#redis, { keys, args, rest: announcement.lanes });
  }

  /** Removes the announcement of a worker that stops. */
  async withdraw(instance: string): Promise<void> {
    await this.#redis.unlink(this.#keys.serves(instance));
  }

  /** Returns every worker with a recent beat, with its announcement. */
  async live(): Promise<LiveWorker[]> {
    const { nowMs, beats } = await READ_WORKERS.run(this.#redis, { keys: workersIn(this.#keys) });
    const alive = beats.filter(([, beatMs]) => nowMs - Number(beatMs) <= ALIVE_MS);
    if (alive.length === 0) return [];
    const texts = await this.#redis.mget(alive.map(([instance]) => this.#keys.serves(instance)));
    return alive.map(([instance], at) => {
      const text = texts[at];
      return { instance, announcement: text ? readEntry(Announcement, text) : null };
    });
  }
}

/**
 * Whether a live worker takes tasks of the lane. A worker of an earlier version does not announce its lanes, so it
 * counts for every lane.
 */
export function isServed(lane: string, workers: readonly LiveWorker[]): boolean {
  return workers.some(({ announcement }) => announcement === null || announcement.lanes.includes(lane));
}

/**
 * Returns the names of all toolsets that live workers announce, or `no_worker` if no live worker takes tasks of any
 * lane.
 */
export function toolsetsServed(workers: readonly LiveWorker[]): ServedToolsets {
  const serving = workers.filter(({ announcement }) => announcement === null || announcement.lanes.length > 0);
  if (serving.length === 0) return { status: 'no_worker' };
  return { status: 'served', names: serving.flatMap(({ announcement }) => announcement?.toolsets ?? []) };
}
