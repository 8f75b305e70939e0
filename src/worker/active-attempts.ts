import { parseTaskId } from '../base/ids.ts';
import { repeat } from '../base/repeat.ts';
import type { Channels } from '../records/channels.ts';
import type { TaskRecords } from '../records/task-records.ts';
import { AttemptCancelled } from './classify.ts';

/** How often the cancel flags of running attempts are read, in case a cancel message was lost. */
const POLL_MS = 5_000;

/** An attempt that a cancel can abort. */
type Stoppable = { abort(reason: AttemptCancelled): void };

/**
 * The attempts that run in this worker, so that a cancel or a drain can reach them.
 *
 * The flag in the records decides; a message on the channel only makes the worker read it at once. If the message is
 * lost, the worker finds the flag at the next poll, or when it records the next turn.
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

  /** Whether the worker is draining, so that no attempt begins another turn. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Lets each attempt finish its current turn, and begin no other. */
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

  /** Reads the flags of the attempts of the task or batch `id`, or of all attempts. Aborts the cancelled attempts. */
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
