import { parseTaskId } from '../base/ids.ts';
import { repeat } from '../base/repeat.ts';
import type { Channels } from '../records/channels.ts';
import type { TaskRecords } from '../records/task-records.ts';
import { AttemptCancelled } from './classify.ts';

/** How often the cancel flags of what runs are read, in case a nudge was lost. */
const POLL_MS = 5_000;

/** What a cancel ends. */
type Stoppable = { abort(reason: AttemptCancelled): void };

/**
 * The attempts that run in this worker, so that a cancel or a drain can reach them.
 *
 * The flag in the records is the truth, and the channel a nudge to look at it. Whoever misses the nudge finds the flag
 * at the next poll, or when it records its next turn.
 */
export class ActiveAttempts {
  readonly #records: TaskRecords;
  readonly #running = new Map<string, Stoppable>();
  #isDraining = false;
  #stopPolling: (() => void) | undefined;
  #stopListening: (() => Promise<void>) | undefined;

  constructor(records: TaskRecords) {
    this.#records = records;
  }

  get count(): number {
    return this.#running.size;
  }

  /** Tells whether the worker is going away, so that no attempt begins another turn. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Lets each attempt finish the turn under way and no more. */
  drain(): void {
    this.#isDraining = true;
  }

  async watch(channels: Channels, onError: (error: unknown) => void): Promise<void> {
    this.#stopListening = await channels.onCancel((id) => this.#look(id).catch(onError));
    this.#stopPolling = repeat(POLL_MS, () => this.#look(), onError);
  }

  async close(): Promise<void> {
    this.#stopPolling?.();
    await this.#stopListening?.();
  }

  add(taskId: string, attempt: Stoppable): void {
    this.#running.set(taskId, attempt);
  }

  remove(taskId: string, attempt: Stoppable): void {
    if (this.#running.get(taskId) === attempt) this.#running.delete(taskId);
  }

  /** Reads the flags of the attempts that `id` concerns, or of all, and aborts the cancelled ones. */
  async #look(id?: string): Promise<void> {
    const concerned = [...this.#running.keys()].filter(
      (taskId) => id === undefined || taskId === id || parseTaskId(taskId)?.batchId === id,
    );
    if (concerned.length === 0) return;
    const flags = await this.#records.cancelFlags(concerned);
    for (const [position, taskId] of concerned.entries()) {
      const flag = flags[position];
      if (flag) this.#running.get(taskId)?.abort(new AttemptCancelled(flag));
    }
  }
}
