import { parseTaskId } from '../base/ids.ts';

/**
 * The names of all record keys and channels under one prefix. The prefix is a hash tag, so all keys share one slot: see
 * docs/internals/redis.md#hash-tags-and-one-slot. Each method is a family, and {@link KEY_FAMILIES} has its type and
 * expiry.
 */
export class Keys {
  readonly #root: string;

  constructor(prefix: string) {
    this.#root = `${prefix}:records`;
  }

  /** The batch: its content, its flags and the flags of its tasks, its counters and its summary. */
  batch(batchId: string): string {
    return `${this.#root}:batch:${batchId}`;
  }

  /** The producer that adds the jobs of the batch. */
  claim(batchId: string): string {
    return `${this.batch(batchId)}:claim`;
  }

  /** Task index → outcome. */
  outcomes(batchId: string): string {
    return `${this.batch(batchId)}:outcomes`;
  }

  /** Task index → metadata of the task. */
  taskMetadata(batchId: string): string {
    return `${this.batch(batchId)}:metadata`;
  }

  /**
   * The ids of the tasks that have a place: an attempt is open, or, with `max_concurrent`, another one follows at once.
   */
  running(batchId: string): string {
    return `${this.batch(batchId)}:running`;
  }

  /** The tasks that wait for one of `max_concurrent` places, by index. */
  parked(batchId: string): string {
    return `${this.batch(batchId)}:parked`;
  }

  /** The started tasks that come back later by themselves, because they were deferred or are retried. */
  resting(batchId: string): string {
    return `${this.batch(batchId)}:resting`;
  }

  /** The epoch and its opener, the background response, and the facts about each attempt. */
  task(taskId: string): string {
    return `${this.#root}:task:${taskId}`;
  }

  /** The checkpoints, in order. */
  turns(taskId: string): string {
    return `${this.task(taskId)}:turns`;
  }

  /** Row id → open ledger row. */
  ledger(taskId: string): string {
    return `${this.task(taskId)}:ledger`;
  }

  /** Place of a call → the call of an effect tool. */
  effects(taskId: string): string {
    return `${this.task(taskId)}:effects`;
  }

  /** The closed ledger rows of a task that has no outcome yet, as cleanup steps. */
  released(taskId: string): string {
    return `${this.task(taskId)}:released`;
  }

  /**
   * The open rows of one worker as `<task id>/<row id>`, by the time of their intent in ms. A row of its own ledger has the
   * holder id of the worker in place of the task id.
   */
  openRows(instance: string): string {
    return `${this.#root}:open_rows:${instance}`;
  }

  /** Row id → open ledger row of what a worker holds for several tasks. */
  workerLedger(instance: string): string {
    return `${this.#root}:worker_ledger:${instance}`;
  }

  /** Instance → identity of every worker that may hold resources; `null` while the identity is lost. */
  workers(): string {
    return `${this.#root}:workers`;
  }

  /** Instance → time of its last beat, in ms of the clock of Redis. */
  beats(): string {
    return `${this.#root}:workers:beats`;
  }

  /** The announcement of a live worker, such as the lanes it serves. */
  serves(instance: string): string {
    return `${this.#root}:serves:${instance}`;
  }

  /** Lane → when a worker last served it, in ms of the clock of Redis. */
  lanesServed(): string {
    return `${this.#root}:lanes:served`;
  }

  /** Queue → id of the BullMQ worker that takes its jobs for a worker. It outlives the worker. */
  takers(instance: string): string {
    return `${this.#root}:takers:${instance}`;
  }

  /** The worker that releases the resources of a dead worker. */
  reclaimClaim(instance: string): string {
    return `${this.#root}:reclaim:${instance}`;
  }

  /** The worker that sweeps over the unsettled batches. */
  sweepTurn(): string {
    return `${this.#root}:sweep`;
  }

  /** The worker that ends the tasks of a batch that no worker runs. */
  endingClaim(batchId: string): string {
    return `${this.batch(batchId)}:ending`;
  }

  /** The list of tools of an MCP server, by the hash of its specification. */
  toolList(hash: string): string {
    return `${this.#root}:tool_list:${hash}`;
  }

  /** The events of a batch. */
  events(batchId: string): string {
    return `${this.#root}:events:${batchId}`;
  }

  /** The ids of batches and tasks that were just cancelled. */
  cancels(): string {
    return `${this.#root}:cancels`;
  }
}

/**
 * A family of keys, one for each batch, task or worker, or one for the deployment. Its name is a method of {@link
 * Keys}.
 */
export type KeyFamily = keyof Keys;

/**
 * The type and the lifetime of the keys of a family. `expires`: each key has an expiry (`always`), it gets an expiry
 * when its batch is settled (`settled`), or a script or the removal of its last entry removes it (`never`). `until`
 * says when.
 */
type FamilyFacts =
  | { type: 'channel' }
  | {
      type: 'hash' | 'list' | 'set' | 'zset' | 'string';
      expires: 'always' | 'settled' | 'never';
      until: string;
    };

/** Every family of keys, with its type and expiry. A new family does not compile until it has an entry. */
export const KEY_FAMILIES: { readonly [Name in KeyFamily]: FamilyFacts } = {
  batch: { type: 'hash', expires: 'settled', until: 'the retention, or 24 h for a batch that is never sealed' },
  claim: { type: 'string', expires: 'always', until: '10 s after the last renewal, or the seal' },
  outcomes: { type: 'hash', expires: 'settled', until: 'the retention' },
  taskMetadata: {
    type: 'hash',
    expires: 'always',
    until: 'the batch settles; 30 days, or the retention if it is needed',
  },
  running: { type: 'set', expires: 'never', until: 'the batch settles' },
  parked: { type: 'zset', expires: 'never', until: 'the batch settles' },
  resting: { type: 'set', expires: 'never', until: 'the batch settles' },
  endingClaim: { type: 'string', expires: 'always', until: 'the tasks have ended, or the worker is silent' },
  task: { type: 'hash', expires: 'never', until: 'the task has its outcome' },
  turns: { type: 'list', expires: 'never', until: 'the task has its outcome' },
  ledger: { type: 'hash', expires: 'never', until: 'all rows are released' },
  released: { type: 'list', expires: 'never', until: 'the task has its outcome' },
  effects: { type: 'hash', expires: 'never', until: 'the task has its outcome' },
  openRows: { type: 'zset', expires: 'never', until: 'all rows are released' },
  workerLedger: { type: 'hash', expires: 'never', until: 'all rows are released' },
  serves: { type: 'string', expires: 'always', until: '15 s after the last beat' },
  takers: { type: 'string', expires: 'always', until: '24 h after the last beat, or the worker is forgotten' },
  reclaimClaim: { type: 'string', expires: 'always', until: 'the rows are released, or the claim lapses' },
  workers: { type: 'hash', expires: 'never', until: 'all workers are forgotten' },
  beats: { type: 'hash', expires: 'never', until: 'all workers are forgotten' },
  lanesServed: { type: 'hash', expires: 'never', until: '30 days after a lane was last served, lane by lane' },
  sweepTurn: { type: 'string', expires: 'always', until: 'the time between two sweeps' },
  toolList: { type: 'string', expires: 'always', until: 'an hour after a server listed its tools' },
  events: { type: 'channel' },
  cancels: { type: 'channel' },
};

/** Returns the batch id and the index in a valid task id. @throws TypeError for any other text. */
export function partsOf(taskId: string): { batchId: string; index: number } {
  const parts = parseTaskId(taskId);
  if (!parts) throw new TypeError(`not a task id: ${taskId}`);
  return parts;
}
