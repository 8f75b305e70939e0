import { sleep } from '../../base/clock.ts';
import { repeat } from '../../base/repeat.ts';
import type { WorkerIdentity } from '../../contract/worker-identity.ts';
import type { WorkerOnRecord, WorkerRecords } from '../../records/worker-records.ts';
import { proofOfDeath } from './identity.ts';

/**
 * How often the watch checks the other workers on this host. A check costs one short command, and one read of `/proc`
 * each.
 */
const LOOK_MS = 1_000;
/** Heartbeats change slowly and cost more to read, so only every n-th check reads them. */
const LOOKS_PER_SILENCE = 2;
/** More workers than any deployment has. If more are registered, only the sweeps check them. */
const MAX_WORKERS = 10_000;

/** The dependencies. `onDeath` is called once for each registered worker whose death the watch can prove. */
export type DeathWatchDeps = {
  workers: WorkerRecords;
  self: WorkerIdentity;
  onDeath: (worker: WorkerOnRecord) => Promise<void>;
  onError: (error: unknown) => void;
};

/**
 * Notices within about a second that a worker on this host has died, so that its tasks do not wait for the next sweep.
 *
 * Redis lists the registered workers, and the kernel says whether they are alive, so a check costs Redis only the list
 * of names.
 */
export class DeathWatch {
  readonly #deps: DeathWatchDeps;
  /** Workers on this host, by instance; `null` for a worker on another host. Unknown workers are looked up again. */
  readonly #known = new Map<string, WorkerIdentity | null>();
  readonly #attended = new Set<string>();
  #looks = 0;
  #stopRepeating: (() => void) | undefined;

  constructor(deps: DeathWatchDeps) {
    this.#deps = deps;
  }

  /** Checks every second until {@link DeathWatch.stop}. */
  start(): void {
    this.#stopRepeating = repeat(LOOK_MS, () => this.look(), this.#deps.onError);
  }

  stop(): void {
    this.#stopRepeating?.();
  }

  /**
   * Checks once. Resolves when each dead worker was handled, or after a while: a dead worker that held much must not
   * delay the next dead worker.
   */
  async look(): Promise<void> {
    const neighbours = await this.#neighbours();
    const { self, workers, onDeath, onError } = this.#deps;
    const isDead = (identity: WorkerIdentity) => proofOfDeath({ identity, silentMs: 0 }, self) !== null;
    const mayBeSilent = (identity: WorkerIdentity) => identity.boot_id !== self.boot_id || isSeatOf(identity, self);
    const isForSilence = this.#looks++ % LOOKS_PER_SILENCE === 0 && neighbours.some(mayBeSilent);
    if (!isForSilence && !neighbours.some(isDead)) return;
    const listed = await workers.list();
    const dead = listed.filter((worker) => !this.#attended.has(worker.instance) && proofOfDeath(worker, self) !== null);
    const attending = dead.map(async (worker) => {
      this.#attended.add(worker.instance);
      await onDeath(worker).catch((error: unknown) => {
        this.#attended.delete(worker.instance);
        onError(error);
      });
    });
    await unlessLate(Promise.all(attending), LOOK_MS);
  }

  /** The dead workers on this host that were not handled yet. */
  async #neighbours(): Promise<WorkerIdentity[]> {
    const { workers, self } = this.#deps;
    const instances = await workers.instances();
    if (instances.length > MAX_WORKERS) return [];
    const onRecord = new Set(instances);
    for (const gone of [...this.#known.keys(), ...this.#attended].filter((instance) => !onRecord.has(instance))) {
      this.#known.delete(gone);
      this.#attended.delete(gone);
    }
    const unknown = instances.filter((instance) => !this.#known.has(instance));
    for (const [instance, identity] of await workers.identities(unknown)) {
      if (identity) this.#known.set(instance, identity.host === self.host ? identity : null);
    }
    return [...this.#known.values()].flatMap((identity) =>
      identity && identity.instance !== self.instance && !this.#attended.has(identity.instance) ? [identity] : [],
    );
  }
}

/** Waits for the work, but not longer than the limit. */
async function unlessLate(work: Promise<unknown>, limitMs: number): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, sleep(limitMs, over.signal).catch(() => undefined)]);
  over.abort();
}

function isSeatOf({ seat }: WorkerIdentity, self: WorkerIdentity): boolean {
  return seat !== undefined && seat === self.seat;
}
