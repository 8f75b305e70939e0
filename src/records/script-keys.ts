import { type Keys, partsOf } from './keys.ts';

/**
 * The keys of one batch, under the names that scripts use. Each key is made when it is read, because a script uses a
 * few of them and a task runs many scripts.
 */
export class BatchKeys {
  protected readonly keys: Keys;
  protected readonly batchId: string;

  constructor(keys: Keys, batchId: string) {
    this.keys = keys;
    this.batchId = batchId;
  }

  get batch(): string {
    return this.keys.batch(this.batchId);
  }

  get claim(): string {
    return this.keys.claim(this.batchId);
  }

  get outcomes(): string {
    return this.keys.outcomes(this.batchId);
  }

  get metadata(): string {
    return this.keys.taskMetadata(this.batchId);
  }

  get running(): string {
    return this.keys.running(this.batchId);
  }

  get parked(): string {
    return this.keys.parked(this.batchId);
  }

  get resting(): string {
    return this.keys.resting(this.batchId);
  }
}

/** The keys of one task and of its batch. */
export class TaskKeys extends BatchKeys {
  protected readonly taskId: string;

  constructor(keys: Keys, taskId: string) {
    super(keys, partsOf(taskId).batchId);
    this.taskId = taskId;
  }

  get task(): string {
    return this.keys.task(this.taskId);
  }

  get turns(): string {
    return this.keys.turns(this.taskId);
  }

  get ledger(): string {
    return this.keys.ledger(this.taskId);
  }

  get released(): string {
    return this.keys.released(this.taskId);
  }

  get effects(): string {
    return this.keys.effects(this.taskId);
  }
}

/** The keys of one task and of its batch, of all workers, and of the open rows of one worker. */
export class RowKeys extends TaskKeys {
  readonly #owner: string;

  constructor(keys: Keys, taskId: string, owner: string) {
    super(keys, taskId);
    this.#owner = owner;
  }

  get workers(): string {
    return this.keys.workers();
  }

  get beats(): string {
    return this.keys.beats();
  }

  get open_rows(): string {
    return this.keys.openRows(this.#owner);
  }
}

/** The keys of all workers, under the names that scripts use. */
export function workersIn(keys: Keys) {
  return { workers: keys.workers(), beats: keys.beats() };
}
