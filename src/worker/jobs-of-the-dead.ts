import { monotonicMs } from '../base/clock.ts';
import type { HandBack } from '../queue/hand-back.ts';
import type { WorkerOnRecord, WorkerRecords } from '../records/worker-records.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** A command of a worker that was on its way when it died may take a job after its death: jobs are looked for this long. */
const LOOKED_FOR_MS = 120_000;
/** Dead workers remembered; of one that is forgotten the jobs are looked for again. */
const MAX_REMEMBERED = 1_000;
/** Open rows of a worker of an earlier version that are looked through for its attempts. */
const MAX_ROWS = 5_000;

/** What handing back the jobs of dead workers takes. */
export type JobsOfTheDeadDeps = { workers: WorkerRecords; handBack: HandBack; telemetry: Telemetry };

/** Hands back the jobs of workers that are provably dead, so that their tasks do not wait until the locks lapse. */
export class JobsOfTheDead {
  readonly #deps: JobsOfTheDeadDeps;
  readonly #sinceMs = new Map<string, number>();

  constructor(deps: JobsOfTheDeadDeps) {
    this.#deps = deps;
  }

  /** Hands back what the worker has in the queues. Call it before its rows are released: they may be all that names its jobs. */
  async handBack(worker: WorkerOnRecord, proof: string): Promise<void> {
    const { instance, identity } = worker;
    const sinceMs = this.#sinceMs.get(instance) ?? monotonicMs();
    if (identity === null || monotonicMs() - sinceMs > LOOKED_FOR_MS) return;
    this.#remember(instance, sinceMs);
    const jobIds = await this.#jobsOf(instance, identity.name, `${instance}: ${proof}`);
    if (jobIds.length > 0) this.#deps.telemetry.handedBack(jobIds, instance, proof);
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
