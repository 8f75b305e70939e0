import { randomUUID } from 'node:crypto';
import { isoNow } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import type { CancelFlag } from '../contract/batch.ts';
import { BackgroundResponse, Checkpoint } from '../contract/checkpoint.ts';
import { CleanupStep, LedgerRow } from '../contract/cleanup.ts';
import { EffectCall } from '../contract/effect-call.ts';
import type { ErrandEvent } from '../contract/events.ts';
import type { Contract } from '../contract/fits.ts';
import { READER_VERSION } from '../contract/needs.ts';
import { Attempt, type Outcome } from '../contract/outcome.ts';
import type { Wake } from '../contract/task.ts';
import type { Redis } from '../redis/connection.ts';
import { apart, together } from './beside.ts';
import { fenced, wakesOf } from './fenced-reply.ts';
import { jobNameOf, wakesIn } from './job-name.ts';
import { Keys, partsOf } from './keys.ts';
import { type Opening, openedOf, openingOf } from './opening.ts';
import { readFlags } from './read-flag.ts';
import { readOutcome } from './read-outcome.ts';
import { type Checked, masked, recordText } from './record-text.ts';
import { newestEpochIn, type RowEntry, type TaskHistory, UNREADABLE_HISTORY, unclosed } from './task-history.ts';
import {
  CHECKPOINT,
  CLOSE,
  END_ATTEMPT,
  HOLD,
  JOURNAL,
  NOTE_RESPONSE,
  OPEN,
  READ_HISTORY,
  RELEASE,
} from './task-scripts.ts';

/** What an attempt gave back, as the owner of its rows: the instance of the worker. Steps that say `open` close nothing. */
export type ReleasedRows = { owner: string; steps: readonly CleanupStep[] };

const NOTHING: ReleasedRows = { owner: '', steps: [] };

/** What ending an attempt came to: the parked tasks that got its place, or none where the task is cancelled. */
export type Ended = { flag: CancelFlag | null; wake: Wake[] };

/** What closing a task came to: recorded, or refused in favour of the outcome that was there first. Either is on record. */
export type Closing = { status: 'recorded' | 'ended'; outcome: Outcome; wake: Wake[] };

/**
 * The records of tasks: epochs, checkpoints, effects, ledger, outcomes.
 *
 * Invariants
 * - One outcome a task, whoever writes: the first one stays (promise 3).
 * - Every write but a release is refused to all but the newest epoch, with `ATTEMPT_SUPERSEDED`; of an older one its own
 *   end is kept all the same.
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
   * Opens an attempt of the task for this worker, under a new epoch, or returns why none was opened. `needs` is the reader
   * version that its job needs.
   */
  async open(taskId: string, provider: string, worker: string, needs = 1): Promise<Opening> {
    const { batchId, index } = partsOf(taskId);
    const at = isoNow();
    const attempt = `{"worker":${JSON.stringify(worker)},"started_at":"${at}","epoch":`;
    const event = `${this.#event({ event: 'attempt_started', worker, at }, taskId).slice(0, -1)},"epoch":`;
    const keys = [this.#keys.batch(batchId), this.#keys.outcomes(batchId), ...this.#keys.history(taskId)];
    keys.push(this.#keys.running(batchId), this.#keys.parked(batchId), this.#keys.resting(batchId));
    const args = [taskId, index, jobNameOf(taskId, provider), attempt, this.#keys.events(batchId), event];
    args.push(randomUUID(), needs, READER_VERSION);
    return openingOf(await OPEN.run(this.#redis, keys, args), taskId);
  }

  /**
   * Writes ledger rows as intent or as acquired. Returns the cancel flag where there is one.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; nothing is written then.
   */
  async hold(taskId: string, epoch: number, entries: RowEntry[]): Promise<CancelFlag | null> {
    const { batchId, index } = partsOf(taskId);
    const owner = entries[0]?.row.owner ?? '';
    const keys = [...this.#keys.fence(taskId), this.#keys.ledger(taskId), this.#keys.openRows(owner)];
    keys.push(this.#keys.workers(), this.#keys.beats());
    const rows = entries.flatMap(({ id, row }) => [id, this.#text(LedgerRow, row)]);
    const args = [taskId, index, String(epoch), Date.now(), owner, ...rows];
    return fenced(await HOLD.run(this.#redis, keys, args), batchId);
  }

  /**
   * Closes ledger rows of one owner, from whichever epoch. A closed row never changes again. Where the task has its
   * outcome, the outcome is amended.
   */
  async release(taskId: string, given: ReleasedRows): Promise<void> {
    const { batchId, index } = partsOf(taskId);
    const rows = this.#closing(given);
    if (rows.length === 0) return;
    const keys = [...this.#keys.rows(taskId, given.owner), this.#keys.batch(batchId), this.#keys.outcomes(batchId)];
    await RELEASE.run(this.#redis, keys, [taskId, index, ...rows]);
  }

  /**
   * Appends the checkpoint of a turn. Returns the cancel flag where there is one; the turn is stored all the same.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`, also for a turn that is not the next; nothing is written then.
   */
  async checkpoint(taskId: string, epoch: number, checkpoint: Checkpoint): Promise<CancelFlag | null> {
    const { batchId, index } = partsOf(taskId);
    const event = this.#event({ event: 'turn_recorded', epoch, turn: checkpoint.turn, at: isoNow() }, taskId);
    const keys = [...this.#keys.fence(taskId), this.#keys.turns(taskId)];
    const args = [
      index,
      String(epoch),
      checkpoint.turn,
      this.#text(Checkpoint, checkpoint),
      this.#keys.events(batchId),
      event,
    ];
    return fenced(await CHECKPOINT.run(this.#redis, keys, args), batchId);
  }

  /**
   * Writes down a background response before anything more is read of it. Returns the cancel flag where there is one.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; nothing is written then.
   */
  async noteResponse(taskId: string, epoch: number, response: BackgroundResponse): Promise<CancelFlag | null> {
    const { batchId, index } = partsOf(taskId);
    const args = [index, String(epoch), this.#text(BackgroundResponse, response), String(response.epoch)];
    return fenced(await NOTE_RESPONSE.run(this.#redis, this.#keys.fence(taskId), args), batchId);
  }

  /**
   * Writes a call of an effect tool, begun or with its result. Returns the cancel flag where there is one; the call is
   * stored all the same.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; nothing is written then.
   */
  async journal(taskId: string, epoch: number, call: EffectCall): Promise<CancelFlag | null> {
    const { batchId, index } = partsOf(taskId);
    const keys = [...this.#keys.fence(taskId), this.#keys.effects(taskId)];
    return fenced(
      await JOURNAL.run(this.#redis, keys, [index, String(epoch), call.id, this.#text(EffectCall, call)]),
      batchId,
    );
  }

  /**
   * Ends an attempt whose task goes on, and closes the rows of what it gave back. `restsWith` is the provider in whose lane
   * its job rests until it comes back by itself; `null` for a task that comes back at once and keeps its place. A task that
   * is cancelled by then does not rest, and must be brought back at once. An attempt that stands for several takes the
   * place of the one before it, with what that gave back.
   * @throws ErrandError `ATTEMPT_SUPERSEDED`; the end is noted and the rows are closed all the same.
   */
  async endAttempt(
    taskId: string,
    attempt: Attempt & { ended: NonNullable<Attempt['ended']> },
    restsWith: string | null = null,
    given: ReleasedRows = NOTHING,
  ): Promise<Ended> {
    const { batchId, index } = partsOf(taskId);
    const { epoch, ended, failure } = attempt;
    const code = failure && { code: failure.code };
    const event = this.#event({ event: 'attempt_ended', epoch, ended, at: isoNow(), ...code }, taskId);
    const keys = [...this.#keys.ending(taskId, given.owner), this.#keys.resting(batchId)];
    const rests = restsWith === null ? '' : jobNameOf(taskId, restsWith);
    const args = [taskId, index, String(epoch), this.#text(Attempt, unclosed(attempt))];
    const joined = attempt.times === undefined ? '' : String(epoch - 1);
    args.push(this.#keys.events(batchId), event, rests, joined, ...this.#closing(given));
    const reply = await END_ATTEMPT.run(this.#redis, keys, args);
    const flag = fenced(reply, batchId);
    return { flag, wake: flag ? [] : wakesOf(reply) };
  }

  /**
   * Writes the outcome of a task, unless there is one, and closes the rows of what its last attempt gave back. `epoch` is 0
   * for a task that never started; `knownRows` says how many closed rows of its history the outcome was made with.
   * @throws ErrandError `ATTEMPT_SUPERSEDED` where a newer attempt is on record; the rows are closed all the same.
   */
  async close(
    epoch: number,
    outcome: Checked<Outcome>,
    given: ReleasedRows = NOTHING,
    knownRows = 0,
  ): Promise<Closing> {
    const { task_id: taskId, batch_id: batchId, index, status } = outcome;
    const code = status === 'succeeded' ? {} : { code: outcome.failure.code };
    const event = this.#event({ event: 'task_ended', status, at: isoNow(), ...code }, taskId);
    const keys = [...this.#keys.ending(taskId, given.owner), this.#keys.turns(taskId), this.#keys.effects(taskId)];
    const { plain, beside: unmasked, calls } = apart(outcome);
    const beside = this.#redactor.scrub(unmasked);
    const { text, record } = masked(plain, this.#redactor);
    const args = [taskId, index, String(epoch), text];
    args.push(this.#keys.events(batchId), event, status, knownRows, beside, calls, ...this.#closing(given));
    const reply = await CLOSE.run(this.#redis, keys, args);
    const [verdict, first, wake] = reply as [string, unknown, string[]];
    if (verdict === 'ended')
      return { status: 'ended', outcome: readOutcome({ batchId, index }, String(first), null), wake: wakesIn(wake) };
    fenced(reply, batchId);
    return { status: 'recorded', outcome: together(record, beside), wake: wakesOf(reply) };
  }

  /**
   * The stored state of an unfinished task, with its newest epoch (0 for a task that never started). Empty and marked as
   * unreadable if the record does not parse.
   */
  async history(taskId: string): Promise<TaskHistory & { epoch: number }> {
    const reply = await READ_HISTORY.run(this.#redis, this.#keys.history(taskId), []);
    const opened = openedOf(newestEpochIn(reply), reply);
    if (opened.status === 'opened') return opened;
    return { ...UNREADABLE_HISTORY, epoch: opened.epoch };
  }

  /** Restarts the wait of a task for a newer worker, because such a worker is alive. */
  async restartWait(taskId: string): Promise<void> {
    await this.#redis.hdel(this.#keys.task(taskId), 'too_new_since', 'too_new_looks');
  }

  /** Tells whether the task or its batch is cancelled. */
  async isCancelled(taskId: string): Promise<boolean> {
    const [flag] = await this.cancelFlags([taskId]);
    return flag !== null;
  }

  /** The cancel flag of each task, its batch's included, in the order asked. */
  async cancelFlags(taskIds: string[]): Promise<(CancelFlag | null)[]> {
    return readFlags(this.#redis, this.#keys, taskIds);
  }

  /** Row id and cleanup step by turns, of what was released. */
  #closing({ steps }: ReleasedRows): string[] {
    return steps.flatMap((step) => (step.status === 'released' ? [step.row, this.#text(CleanupStep, step)] : []));
  }

  #text<R extends object>(contract: Contract<R>, value: R): string {
    return recordText(contract, value, this.#redactor);
  }

  #event(event: Record<string, unknown> & { event: ErrandEvent['event'] }, taskId: string): string {
    const { batchId, index } = partsOf(taskId);
    return JSON.stringify({ ...event, version: 1, batch_id: batchId, task_id: taskId, index });
  }
}
