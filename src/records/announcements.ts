import { Announcement } from '../contract/announcement.ts';
import type { Redis } from '../redis/connection.ts';
import { pairsOf } from '../redis/replies.ts';
import { ANNOUNCE } from './announcement-scripts.ts';
import { Keys } from './keys.ts';
import { readEntry } from './read-record.ts';
import { READ_WORKERS } from './worker-scripts.ts';

/** The lifetime of an announcement, and the maximum age of the last beat of a live worker: three beats. */
const ALIVE_MS = 15_000;

/**
 * A worker with a recent beat. `announcement` is `null` for a worker of an earlier version, which announces nothing and may
 * serve any lane.
 */
export type LiveWorker = { instance: string; announcement: Announcement | null };

/** The announcements of live workers: one value for each worker, which expires unless it is repeated with every beat. */
export class Announcements {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Announces the lanes of a worker, and notes that they are served at this moment, by the clock of Redis. */
  async announce(instance: string, announcement: Announcement): Promise<void> {
    const args = [JSON.stringify(announcement), ALIVE_MS, ...announcement.lanes];
    await ANNOUNCE.run(this.#redis, [this.#keys.serves(instance), this.#keys.lanesServed()], args);
  }

  /** Removes the announcement of a worker that stops. */
  async withdraw(instance: string): Promise<void> {
    await this.#redis.unlink(this.#keys.serves(instance));
  }

  /** Every worker with a recent beat, with its announcement. */
  async live(): Promise<LiveWorker[]> {
    const reply = await READ_WORKERS.run(this.#redis, [this.#keys.workers(), this.#keys.beats()], []);
    const [nowMs, , beats] = reply as [number, string[], string[]];
    const alive = pairsOf(beats).filter(([, beatMs]) => nowMs - Number(beatMs) <= ALIVE_MS);
    if (alive.length === 0) return [];
    const texts = await this.#redis.mget(alive.map(([instance]) => this.#keys.serves(instance)));
    return alive.map(([instance], at) => {
      const text = texts[at];
      return { instance, announcement: text ? readEntry(Announcement, text) : null };
    });
  }
}

/**
 * Tells whether a live worker takes tasks of the lane. A worker of an earlier version does not announce its lanes, so it
 * counts for every lane.
 */
export function isServed(lane: string, workers: readonly LiveWorker[]): boolean {
  return workers.some(({ announcement }) => announcement === null || announcement.lanes.includes(lane));
}
