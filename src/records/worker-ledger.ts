import { holderIdOf } from '../base/ids.ts';
import type { Redactor } from '../base/secret.ts';
import { type CleanupStep, LedgerRow } from '../contract/cleanup.ts';
import type { Redis } from '../redis/connection.ts';
import { Keys } from './keys.ts';
import { recordText } from './record-text.ts';
import type { Row } from './row.ts';
import { HOLD_FOR_WORKER, RELEASE_FOR_WORKER } from './scripts/worker.ts';

/**
 * The ledgers of workers: the rows of what a worker holds for several tasks, such as a shared MCP server.
 *
 * Its rows have the holder id of the worker in place of a task id, and an epoch that the worker counts. They are in the
 * index of its open rows beside those of its attempts, so the same proof of death closes them. No outcome has their
 * steps: the log and the metrics have them.
 */
export class WorkerLedger {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #redactor: Redactor;

  constructor(redis: Redis, prefix: string, redactor: Redactor) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
    this.#redactor = redactor;
  }

  /** Writes rows of a worker as intent or as acquired. */
  async hold(owner: string, rows: readonly Omit<Row, 'taskId'>[]): Promise<void> {
    const keys = {
      ...{ worker_ledger: this.#keys.workerLedger(owner), open_rows: this.#keys.openRows(owner) },
      ...{ workers: this.#keys.workers(), beats: this.#keys.beats() },
    };
    const rest = rows.flatMap(({ id, entry }) => [id, recordText(LedgerRow, entry, this.#redactor)]);
    await HOLD_FOR_WORKER.run(this.#redis, {
      keys,
      args: { owner, holder: holderIdOf(owner), now_ms: Date.now() },
      rest,
    });
  }

  /** Closes the rows of a worker that were released. */
  async release(owner: string, steps: readonly CleanupStep[]): Promise<void> {
    const rest = steps.filter(({ status }) => status === 'released').map(({ row }) => row);
    if (rest.length === 0) return;
    const keys = { worker_ledger: this.#keys.workerLedger(owner), open_rows: this.#keys.openRows(owner) };
    await RELEASE_FOR_WORKER.run(this.#redis, { keys, args: { holder: holderIdOf(owner) }, rest });
  }
}
