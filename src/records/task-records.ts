import { randomUUID } from 'node:crypto';
import { isoNow } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import type { CancelFlag } from '../contract/batch.ts';
import { BackgroundResponse, Checkpoint } from '../contract/checkpoint.ts';
import { CleanupStep, LedgerRow } from '../contract/cleanup.ts';
import { EffectCall } from '../contract/effect-call.ts';
import type { ErrandEvent } from '../contract/events.ts';
import type { Contract } from '../contract/fits.ts';
import { needsFor, READER_VERSION } from '../contract/needs.ts';
import { Attempt, type Outcome } from '../contract/outcome.ts';
import type { Redis } from '../redis/connection.ts';
import { apart } from './beside.ts';
import { readFlags } from './cancel-flag.ts';
import {
  type Closing,
  closingOf,
  type Ended,
  endedOf,
  fenced,
  NOTHING_RELEASED,
  type ReleasedRows,
} from './closing.ts';
import { Keys, partsOf } from './keys.ts';
import { type Opening, openedOf, openingOf } from './opening.ts';
import { type Checked, masked, recordText } from './record-text.ts';
import type { Row } from './row.ts';
import { RowKeys, TaskKeys } from './script-keys.ts';
import { CHECKPOINT, HOLD, JOURNAL, NOTE_RESPONSE, RELEASE } from './scripts/attempt.ts';
import { CLOSE, END_ATTEMPT, OPEN, READ_HISTORY } from './scripts/task.ts';
import { jobNameOf } from './sleepers.ts';
import { newestEpochIn, type TaskHistory, UNREADABLE_HISTORY, unclosed } from './task-history.ts';

/**
 * The records of tasks: epochs, checkpoints, effects, ledger, outcomes.
 *
 * Invariants
 * - A task has one outcome: the first one stays, whichever attempt writes it.
 * - Only the newest epoch may write, or `ATTEMPT_SUPERSEDED` is thrown. An older epoch may still release rows and write
 *   its own end.
 * - No watched secret is written.
 */
export class TaskRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #redactor: Redactor;

  constructor(redis: Redis, prefix: string, redactor: Redactor) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
    this.#redactor = redactor;
  }

  /**
   * Opens an attempt of the task for this worker, under a new epoch, or returns why none was opened. `needs` is the
   * reader version that its job needs.
   */
  async open(taskId: string, provider: string, worker: string, needs = 1): Promise<Opening> {
    const at = isoNow();
    const args = {
      ...this.#eventArgs(taskId, { event: 'attempt_started', worker, at }),
      task_id: taskId,
      job: jobNameOf(taskId, provider),
      attempt: `{"worker":${JSON.stringify(worker)},"started_at":"${at}","epoch":`,
      opening: randomUUID(),
      job_needs: needs,
      reader: READER_VERSION,
    };
    args.event = `${args.event.slice(0, -1)},"epoch":`;
    return openingOf(await OPEN.run(this.#redis, { keys: new TaskKeys(this.#keys, taskId), args }), taskId);
  }

  /**
   * Writes ledger rows as intent or as acquired. Returns the cancel flag, or `null`.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; nothing is written then.
   */
  async hold(taskId: string, epoch: number, rows: Omit<Row, 'taskId'>[]): Promise<CancelFlag | null> {
    const { batchId, index } = partsOf(taskId);
    const owner = rows[0]?.entry.owner ?? '';
    const keys = new RowKeys(this.#keys, taskId, owner);
    const args = { task_id: taskId, index, epoch, now_ms: Date.now(), owner };
    const rest = rows.flatMap(({ id, entry }) => [id, this.#text(LedgerRow, entry)]);
    return fenced(await HOLD.run(this.#redis, { keys, args, rest }), batchId);
  }

  /**
   * Closes ledger rows of one owner, of any epoch. A closed row never changes again. If the task has its outcome, the
   * outcome is amended.
   */
  async release(taskId: string, released: ReleasedRows): Promise<void> {
    const { index } = partsOf(taskId);
    const rest = this.#closing(released);
    if (rest.length === 0) return;
    await RELEASE.run(this.#redis, {
      keys: new RowKeys(this.#keys, taskId, released.owner),
      args: { task_id: taskId, index },
      rest,
    });
  }

  /**
   * Appends the checkpoint of a turn. Returns the cancel flag, or `null`. A turn of a cancelled task is stored too.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`, also for a turn that is not the next; nothing is written then.
   */
  async checkpoint(taskId: string, epoch: number, checkpoint: Checkpoint): Promise<CancelFlag | null> {
    const { turn } = checkpoint;
    const record = { ...checkpoint, ...needsFor(checkpoint) };
    const event = this.#eventArgs(taskId, { event: 'turn_recorded', epoch, turn, at: isoNow() });
    const args = { ...event, epoch, turn, checkpoint: this.#text(Checkpoint, record) };
    const reply = await CHECKPOINT.run(this.#redis, { keys: new TaskKeys(this.#keys, taskId), args });
    return fenced(reply, partsOf(taskId).batchId);
  }

  /**
   * Stores a background response before more of it is read. Returns the cancel flag, or `null`.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; nothing is written then.
   */
  async noteResponse(taskId: string, epoch: number, response: BackgroundResponse): Promise<CancelFlag | null> {
    const { batchId, index } = partsOf(taskId);
    const args = { index, epoch, response: this.#text(BackgroundResponse, response), asked_by: response.epoch };
    return fenced(await NOTE_RESPONSE.run(this.#redis, { keys: new TaskKeys(this.#keys, taskId), args }), batchId);
  }

  /**
   * Writes a call of an effect tool, begun or with its result. Returns the cancel flag, or `null`. A call of a
   * cancelled task is stored too.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; nothing is written then.
   */
  async journal(taskId: string, epoch: number, call: EffectCall): Promise<CancelFlag | null> {
    const { batchId, index } = partsOf(taskId);
    const args = { index, epoch, call_id: call.id, call: this.#text(EffectCall, { ...call, ...needsFor(call) }) };
    return fenced(await JOURNAL.run(this.#redis, { keys: new TaskKeys(this.#keys, taskId), args }), batchId);
  }

  /**
   * Ends an attempt whose task continues, and closes the rows that it released. `restsWith` is the provider in whose
   * lane its job waits until it comes back by itself; `null` for a task that comes back at once and keeps its place. A
   * task that was cancelled meanwhile does not wait, and must be brought back at once. An attempt that merges several
   * deferrals replaces the attempt before it and the rows that it released.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; the end is stored and the rows are closed even then.
   */
  async endAttempt(
    taskId: string,
    attempt: Attempt & { ended: NonNullable<Attempt['ended']> },
    restsWith: string | null = null,
    released: ReleasedRows = NOTHING_RELEASED,
  ): Promise<Ended> {
    const { epoch, ended, failure, times } = attempt;
    const code = failure && { code: failure.code };
    const args = {
      ...this.#eventArgs(taskId, { event: 'attempt_ended', epoch, ended, at: isoNow(), ...code }),
      task_id: taskId,
      epoch,
      attempt: this.#text(Attempt, unclosed(attempt)),
      rests_as: restsWith === null ? '' : jobNameOf(taskId, restsWith),
      joined: times === undefined ? '' : epoch - 1,
    };
    const call = { keys: new RowKeys(this.#keys, taskId, released.owner), args, rest: this.#closing(released) };
    return endedOf(await END_ATTEMPT.run(this.#redis, call), partsOf(taskId).batchId);
  }

  /**
   * Writes the outcome of a task, unless it has one, and closes the rows that its last attempt released. `epoch` is 0
   * for a task that never started. `knownRows`: how many closed rows of its history the outcome has.
   * @throws ErrandError `ATTEMPT_SUPERSEDED` if a newer attempt exists; the rows are closed even then.
   */
  async close(
    epoch: number,
    outcome: Checked<Outcome>,
    released: ReleasedRows = NOTHING_RELEASED,
    knownRows = 0,
  ): Promise<Closing> {
    const { task_id: taskId, status, ended_at: at } = outcome;
    const code = status === 'succeeded' ? {} : { code: outcome.failure.code };
    const { plain, beside: unmasked, calls } = apart(outcome);
    const beside = this.#redactor.scrub(unmasked);
    const { text, record } = masked(plain, this.#redactor);
    const args = {
      ...this.#eventArgs(taskId, { event: 'task_ended', status, at, ...code }),
      task_id: taskId,
      epoch,
      outcome: text,
      status,
      known_rows: knownRows,
      beside,
      unknown_calls: calls,
    };
    const call = { keys: new RowKeys(this.#keys, taskId, released.owner), args, rest: this.#closing(released) };
    return closingOf(await CLOSE.run(this.#redis, call), record, beside);
  }

  /**
   * Reads the stored state of an unfinished task, with its newest epoch (0 for a task that never started). If a record
   * does not parse, the state is empty and marked as unreadable.
   */
  async history(taskId: string): Promise<TaskHistory & { epoch: number }> {
    const stored = await READ_HISTORY.run(this.#redis, { keys: new TaskKeys(this.#keys, taskId) });
    const opened = openedOf(taskId, newestEpochIn(stored), stored);
    if (opened.status === 'opened') return opened;
    return { ...UNREADABLE_HISTORY, epoch: opened.epoch };
  }

  /** Restarts the wait of a task for a newer worker, because such a worker is alive. */
  async restartWait(taskId: string): Promise<void> {
    await this.#redis.hdel(this.#keys.task(taskId), 'too_new_since', 'too_new_looks');
  }

  /** Whether the task or its batch is cancelled. */
  async isCancelled(taskId: string): Promise<boolean> {
    const [flag] = await this.cancelFlags([taskId]);
    return flag !== null;
  }

  /** Reads the cancel flag of each task or of its batch, in the order of the ids. */
  async cancelFlags(taskIds: string[]): Promise<(CancelFlag | null)[]> {
    return readFlags(this.#redis, this.#keys, taskIds);
  }

  /** Returns row id and cleanup step, alternating, for the released rows. */
  #closing({ steps }: ReleasedRows): string[] {
    return steps.flatMap((step) => (step.status === 'released' ? [step.row, this.#text(CleanupStep, step)] : []));
  }

  #text<R extends object>(contract: Contract<R>, value: R): string {
    return recordText(contract, value, this.#redactor);
  }

  /** Returns the arguments of a script that publishes an event: the channel, the event, and the index of the task. */
  #eventArgs(taskId: string, event: Record<string, unknown> & { event: ErrandEvent['event'] }) {
    const { batchId, index } = partsOf(taskId);
    const text = JSON.stringify({ ...event, version: 1, batch_id: batchId, task_id: taskId, index });
    return { index, events: this.#keys.events(batchId), event: text };
  }
}
