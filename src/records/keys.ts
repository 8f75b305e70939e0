import { parseTaskId } from '../base/ids.ts';

/** The names of all record keys and channels under one prefix. The prefix is a hash tag, so all share one slot. */
export class Keys {
  readonly #root: string;

  constructor(prefix: string) {
    this.#root = `${prefix}:records`;
  }

  /** Hash: what the batch is, its flags and those of its tasks, counters and summary. */
  batch(batchId: string): string {
    return `${this.#root}:batch:${batchId}`;
  }

  /** String with expiry: the producer that adds the jobs of the batch. */
  claim(batchId: string): string {
    return `${this.batch(batchId)}:claim`;
  }

  /** Hash: task index → outcome. */
  outcomes(batchId: string): string {
    return `${this.batch(batchId)}:outcomes`;
  }

  /** Hash: task index → metadata of the task, until the batch settles. */
  taskMetadata(batchId: string): string {
    return `${this.batch(batchId)}:metadata`;
  }

  /** Set: ids of the tasks that have a place: with an attempt open, or, where places are few, about to have another. */
  running(batchId: string): string {
    return `${this.batch(batchId)}:running`;
  }

  /** Sorted set: tasks that wait for one of `max_concurrent` places, by index. */
  parked(batchId: string): string {
    return `${this.batch(batchId)}:parked`;
  }

  /** Set: tasks that were started and come back later by themselves, deferred or to be tried again. */
  resting(batchId: string): string {
    return `${this.batch(batchId)}:resting`;
  }

  /** Hash: epoch and who opened it, background response, and what is known of each attempt. Gone once the task has its outcome. */
  task(taskId: string): string {
    return `${this.#root}:task:${taskId}`;
  }

  /** List: the checkpoints, in order. Gone once the task has its outcome. */
  turns(taskId: string): string {
    return `${this.task(taskId)}:turns`;
  }

  /** Hash: row id → open ledger row. Empty, and so gone, once all rows are released. */
  ledger(taskId: string): string {
    return `${this.task(taskId)}:ledger`;
  }

  /** Hash: place of a call → the call of an effect tool. Gone once the task has its outcome. */
  effects(taskId: string): string {
    return `${this.task(taskId)}:effects`;
  }

  /** List: the closed ledger rows of a task that has no outcome yet, as cleanup steps. */
  released(taskId: string): string {
    return `${this.task(taskId)}:released`;
  }

  /** Sorted set: the open rows of one worker as `<task id>/<row id>`, by the time of their intent in ms. */
  openRows(instance: string): string {
    return `${this.#root}:open_rows:${instance}`;
  }

  /** The keys of one batch, under the names that scripts have for them. */
  ofBatch(batchId: string) {
    return {
      batch: this.batch(batchId),
      claim: this.claim(batchId),
      outcomes: this.outcomes(batchId),
      metadata: this.taskMetadata(batchId),
      running: this.running(batchId),
      parked: this.parked(batchId),
      resting: this.resting(batchId),
    };
  }

  /** The keys of one task and of its batch, under the names that scripts have for them. */
  ofTask(taskId: string) {
    return {
      ...this.ofBatch(partsOf(taskId).batchId),
      task: this.task(taskId),
      turns: this.turns(taskId),
      ledger: this.ledger(taskId),
      released: this.released(taskId),
      effects: this.effects(taskId),
    };
  }

  /** The keys of all workers, under the names that scripts have for them. */
  ofWorkers() {
    return { workers: this.workers(), beats: this.beats() };
  }

  /** Hash: instance → identity of every worker that may hold something; `null` while that is lost. */
  workers(): string {
    return `${this.#root}:workers`;
  }

  /** Hash: instance → when it last gave a sign of life, in ms of the clock of Redis. */
  beats(): string {
    return `${this.#root}:workers:beats`;
  }

  /** String with expiry: the announcement of a live worker, such as the lanes it serves. */
  serves(instance: string): string {
    return `${this.#root}:serves:${instance}`;
  }

  /** Hash: lane → when a worker last served it, in ms of the clock of Redis. */
  lanesServed(): string {
    return `${this.#root}:lanes:served`;
  }

  /** String with expiry: queue → id of the BullMQ worker that takes its jobs for a worker. It outlives the worker. */
  takers(instance: string): string {
    return `${this.#root}:takers:${instance}`;
  }

  /** String with expiry: who is releasing what a dead worker held. */
  reclaimClaim(instance: string): string {
    return `${this.#root}:reclaim:${instance}`;
  }

  /** String with expiry: the worker that sweeps over the unsettled batches. */
  sweepTurn(): string {
    return `${this.#root}:sweep`;
  }

  /** String with expiry: the worker that ends the tasks of a batch that no worker runs. */
  endingClaim(batchId: string): string {
    return `${this.batch(batchId)}:ending`;
  }

  /** Channel: what happens in a batch. */
  events(batchId: string): string {
    return `${this.#root}:events:${batchId}`;
  }

  /** Channel: ids of batches and tasks just cancelled. */
  cancels(): string {
    return `${this.#root}:cancels`;
  }
}

/** The batch id and index inside a task id that is known to be one. */
export function partsOf(taskId: string): { batchId: string; index: number } {
  const parts = parseTaskId(taskId);
  if (!parts) throw new TypeError(`not a task id: ${taskId}`);
  return parts;
}
