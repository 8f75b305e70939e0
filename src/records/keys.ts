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

  /** Hash: row id → open ledger row. Empty, and so gone, once all is given back. */
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

  /** What the fence of a task's writes looks at: its batch, the outcomes, the task. */
  fence(taskId: string): [string, string, string] {
    const { batchId } = partsOf(taskId);
    return [this.batch(batchId), this.outcomes(batchId), this.task(taskId)];
  }

  /** What closing rows of a task that `instance` held touches: the open ones, the closed ones, those of the instance. */
  rows(taskId: string, instance: string): [string, string, string] {
    return [this.ledger(taskId), this.released(taskId), this.openRows(instance)];
  }

  /** What ending an attempt touches, whether its task goes on or not. */
  ending(taskId: string, instance: string): string[] {
    const { batchId } = partsOf(taskId);
    return [...this.fence(taskId), ...this.rows(taskId, instance), this.running(batchId), this.parked(batchId)];
  }

  /** All that is on record of a task that has no outcome. */
  history(taskId: string): string[] {
    const ofTask = [this.task(taskId), this.turns(taskId), this.ledger(taskId), this.released(taskId)];
    return [...ofTask, this.effects(taskId)];
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
