import { monotonicMs } from '../../base/clock.ts';
import type { HandBack } from '../../queue/hand-back.ts';
import type { WorkerOnRecord, WorkerRecords } from '../../records/worker-records.ts';
import { note, type Observer } from '../../telemetry/observer.ts';

/** How long to look for jobs of a dead worker: a command that it sent before its death may take a job afterwards. */
const LOOKED_FOR_MS = 120_000;
/** The maximum number of dead workers in memory. The jobs of a dropped worker are looked for again. */
const MAX_REMEMBERED = 1_000;
/** The maximum number of open rows that are searched for the attempts of a worker of an earlier version. */
const MAX_ROWS = 5_000;

/** The dependencies of {@link JobsOfTheDead}. */
export type JobsOfTheDeadDeps = { workers: WorkerRecords; handBack: HandBack; observer: Observer };

/** Hands back the jobs of provably dead workers, so that their tasks do not wait until the locks expire. */
export class JobsOfTheDead {
  readonly #deps: JobsOfTheDeadDeps;
  readonly #sinceMs = new Map<string, number>();

  constructor(deps: JobsOfTheDeadDeps) {
    this.#deps = deps;
  }

  /**
   * Hands back the jobs of the worker. Call it before its rows are released: the rows may be the only record of its
   * jobs.
   */
  async handBack(worker: WorkerOnRecord, proof: string): Promise<void> {
    const { instance, identity } = worker;
    const sinceMs = this.#sinceMs.get(instance) ?? monotonicMs();
    if (identity === null || monotonicMs() - sinceMs > LOOKED_FOR_MS) return;
    this.#remember(instance, sinceMs);
    const jobIds = await this.#jobsOf(instance, identity.name, `${instance}: ${proof}`);
    if (jobIds.length > 0) note(this.#deps.observer, { name: 'jobs_handed_back', jobIds, instance, proof });
  }

  async #jobsOf(instance: string, name: string, reason: string): Promise<string[]> {
    const { workers, handBack } = this.#deps;
    const takers = await workers.takersOf(instance);
    if (takers) return handBack.jobsOfTakers(takers, reason);
    return handBack.jobsOfAttempts(name, await workers.attemptsOf(instance, MAX_ROWS), reason);
  }

  #remember(instance: string, sinceMs: number): void {
    this.#sinceMs.set(instance, sinceMs);
    const [first = ''] = this.#sinceMs.keys();
    if (this.#sinceMs.size > MAX_REMEMBERED) this.#sinceMs.delete(first);
  }
}
