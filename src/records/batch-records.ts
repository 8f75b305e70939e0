import { isoNow } from '../base/clock.ts';
import { parseTaskId } from '../base/ids.ts';
import type { Redactor } from '../base/secret.ts';
import {
  AdmissionVerdict,
  BatchBrief,
  BatchRecord,
  type BatchStatus,
  BatchSummary,
  CancelFlag,
} from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { Metadata, Wake } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import type { Redis } from '../redis/connection.ts';
import { repliesOf, textsOrNull } from '../redis/replies.ts';
import { apart } from './beside.ts';
import { flagFor, readFlag } from './cancel-flag.ts';
import { Keys } from './keys.ts';
import type { TooNew } from './opening.ts';
import { readOutcomePage } from './outcome-page.ts';
import {
  type BatchStage,
  COUNTERS,
  countersIn,
  metadataIn,
  recordOf,
  summaryOf,
  summaryOrNull,
  verdictOf,
} from './read-batch.ts';
import { readOutcome } from './read-outcome.ts';
import { assertOwnVersion, readAnyVersion } from './read-record.ts';
import { recordText } from './record-text.ts';
import { BatchKeys } from './script-keys.ts';
import { CANCEL_BATCH, CANCEL_TASK, CREATE_BATCH, NOTE_TOO_NEW, SEAL_BATCH, SETTLE } from './scripts/batch.ts';
import { readSleepers } from './sleepers.ts';

/** The lifetime of the record of a batch whose producer does not finish enqueueing it, in seconds. */
const UNSEALED_TTL_SECONDS = 24 * 3600;

/** The result of flagging as cancelled. `untold`: why the workers were not notified, in the words of Redis. */
export type Flagging =
  | { status: 'cancelled'; flag: CancelFlag; untold?: string }
  | { status: 'settled' }
  | { status: 'ended'; outcome: Outcome }
  | { status: 'missing' };

/** The records of batches: their content, their progress, and their summaries. */
export class BatchRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #redactor: Redactor;
  readonly #retentionSeconds: number;

  constructor(redis: Redis, prefix: string, redactor: Redactor, retentionSeconds: number) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
    this.#redactor = redactor;
    this.#retentionSeconds = retentionSeconds;
  }

  /**
   * Creates the record of a batch and returns `null`, or returns the stage of the record that its idempotency key has
   * already.
   * @throws ErrandError `IDEMPOTENCY_CONFLICT` if the key belongs to another batch.
   */
  async create(record: BatchRecord, context: string, fingerprint: string): Promise<BatchStage | null> {
    const { batch_id: batchId, total, max_concurrent = 0 } = record;
    const data = recordText(BatchRecord, record, this.#redactor);
    const args = { fingerprint, data, context, total, max_concurrent, ttl: UNSEALED_TTL_SECONDS };
    const reply = await CREATE_BATCH.run(this.#redis, { keys: new BatchKeys(this.#keys, batchId), args });
    if (reply.status === 'conflict') {
      throw new ErrandError(
        'IDEMPOTENCY_CONFLICT',
        `batch ${batchId} was enqueued with this idempotency key and other content`,
      );
    }
    if (reply.status === 'created') return null;
    return reply.stage === 'running' || reply.stage === 'settled' ? reply.stage : 'enqueueing';
  }

  /** Marks a batch whose jobs are all in the queue, and releases the claim. */
  async seal(batchId: string): Promise<void> {
    await SEAL_BATCH.run(this.#redis, { keys: new BatchKeys(this.#keys, batchId) });
  }

  /** Reads the record of a batch, with its shared context; `null` if the batch has no record. */
  async read(
    batchId: string,
  ): Promise<{ record: BatchRecord; context: string; verdict: AdmissionVerdict | null } | null> {
    const [data, context, verdict] = await this.#redis.hmget(this.#keys.batch(batchId), 'data', 'context', 'admission');
    if (!data) return null;
    return {
      record: recordOf(batchId, data),
      context: context ?? '',
      verdict: verdict ? verdictOf(batchId, verdict) : null,
    };
  }

  /** Stores the verdict of admission, once, and returns the stored verdict. */
  async admit(batchId: string, verdict: AdmissionVerdict): Promise<AdmissionVerdict> {
    const key = this.#keys.batch(batchId);
    if ((await this.#redis.hsetnx(key, 'admission', recordText(AdmissionVerdict, verdict, this.#redactor))) === 1)
      return verdict;
    const first = await this.#redis.hget(key, 'admission');
    return first ? verdictOf(batchId, first) : verdict;
  }

  /** Reads the name and the metadata of a batch; `null` if it has no record. */
  async facts(batchId: string): Promise<{ batch_name: string; batch_metadata?: Metadata } | null> {
    const data = await this.#redis.hget(this.#keys.batch(batchId), 'data');
    if (!data) return null;
    const { name, metadata } = recordOf(batchId, data);
    return { batch_name: name, ...(metadata && { batch_metadata: metadata }) };
  }

  /** Reads the status of a batch; `null` if the batch has no record. */
  async status(batchId: string): Promise<BatchStatus | null> {
    const pipeline = this.#redis.pipeline();
    pipeline.hmget(this.#keys.batch(batchId), 'data', 'status', 'cancel', 'summary', 'summary+');
    pipeline.hmget(this.#keys.batch(batchId), ...COUNTERS);
    pipeline.scard(this.#keys.running(batchId));
    const [head, numbers, running] = await repliesOf(pipeline);
    const [data, stage, cancel, summary, beside] = textsOrNull(head);
    if (!data) return null;
    const { name, total, metadata } = recordOf(batchId, data);
    const common = {
      batch_id: batchId,
      name,
      total,
      ...countersIn(textsOrNull(numbers)),
      running: Number(running),
      ...(metadata && { metadata }),
      ...(cancel && { cancel: readFlag(cancel) }),
    };
    if (summary) return { ...common, status: 'settled', summary: summaryOf(batchId, { summary, beside, data }) };
    return { ...common, status: stage === 'enqueueing' ? 'enqueueing' : 'running' };
  }

  /**
   * Reads a page of outcomes from the task with index `from` on: the outcomes of the tasks before `to`, or fewer if
   * they are large, but at least one. `null` stands for a task without an outcome. An unreadable outcome is returned as
   * a failure of its task.
   * @throws ErrandError `RECORD_UNREADABLE` for an outcome that only a newer version can read, if `isPatient`.
   */
  async outcomes(batchId: string, from: number, to: number, isPatient = false): Promise<(Outcome | null)[]> {
    const keys = { outcomes: this.#keys.outcomes(batchId), copies: this.#keys.taskMetadata(batchId) };
    const [data, outcomes] = await Promise.all([
      this.#redis.hget(this.#keys.batch(batchId), 'data'),
      readOutcomePage(this.#redis, keys, { batchId, from, to, isPatient }),
    ]);
    const metadata = metadataIn(data);
    return metadata ? outcomes.map((outcome) => outcome && { ...outcome, batch_metadata: metadata }) : outcomes;
  }

  /**
   * Reads the fields of a batch record that settling needs; `null` if the record does not exist.
   * @throws ErrandError `RECORD_UNREADABLE`; for a record that only a newer version can read, if `isPatient`.
   */
  async toSettle(batchId: string, isPatient: boolean): Promise<{ brief: BatchBrief; stage: BatchStage } | null> {
    const [data, stage] = await this.#redis.hmget(this.#keys.batch(batchId), 'data', 'status');
    if (!data) return null;
    const what = `the record of batch ${batchId}`;
    if (isPatient) assertOwnVersion(data, what);
    const brief = readAnyVersion(BatchBrief, data, what);
    return { brief, stage: stage === 'enqueueing' || stage === 'settled' ? stage : 'running' };
  }

  /** Reads the summary of a settled batch; `null` if this version cannot read it. */
  async summary(batchId: string): Promise<BatchSummary | null> {
    const [summary, beside, data] = await this.#redis.hmget(this.#keys.batch(batchId), 'summary', 'summary+', 'data');
    return summary ? summaryOrNull({ summary, beside, data }) : null;
  }

  /** Records that the batch is too new for this worker to settle it, and returns how long it has waited. */
  async noteTooNew(batchId: string, needs: number): Promise<TooNew> {
    const noted = await NOTE_TOO_NEW.run(this.#redis, { keys: { batch: this.#keys.batch(batchId) } });
    return { needs, ...noted, waiting: 0 };
  }

  /** Restarts the wait of a batch for a newer worker, because such a worker is alive. */
  async restartWait(batchId: string): Promise<void> {
    await this.#redis.hdel(this.#keys.batch(batchId), 'too_new_since', 'too_new_looks');
  }

  /**
   * Stores the summary, once, starts the retention of the batch, and returns the stored summary. `keepsCopies`: the
   * copies of the metadata of tasks are kept as long as the batch.
   */
  async settle(summary: BatchSummary, { keepsCopies = false } = {}): Promise<BatchSummary> {
    const id = summary.batch_id;
    const { plain, beside } = apart(summary);
    const args = {
      summary: recordText(BatchSummary, plain, this.#redactor),
      retention: this.#retentionSeconds,
      events: this.#keys.events(id),
      event: JSON.stringify({ event: 'batch_settled', version: 1, batch_id: id, at: isoNow() }),
      kept_beside: beside,
      copies: keepsCopies ? 'keep' : '',
    };
    return summaryOf(id, await SETTLE.run(this.#redis, { keys: new BatchKeys(this.#keys, id), args }));
  }

  /**
   * Returns the tasks to wake on a cancel: tasks of a batch, or one task, whose jobs wait for a place or for their
   * time.
   */
  async sleepers(id: string): Promise<Wake[]> {
    return readSleepers(this.#redis, this.#keys, id);
  }

  /** Flags a batch or a task as cancelled and notifies the workers. The first reason wins. */
  async cancel(id: string, reason: string): Promise<Flagging> {
    const flag = recordText(CancelFlag, flagFor(reason), this.#redactor);
    const common = { flag, cancels: this.#keys.cancels() };
    const task = parseTaskId(id);
    if (!task) {
      const keys = new BatchKeys(this.#keys, id);
      return flaggingOf(await CANCEL_BATCH.run(this.#redis, { keys, args: { ...common, batch_id: id } }));
    }
    const args = { ...common, task_id: id, index: task.index };
    const reply = await CANCEL_TASK.run(this.#redis, { keys: new BatchKeys(this.#keys, task.batchId), args });
    return reply.status === 'ended'
      ? { status: 'ended', outcome: readOutcome(task, reply.outcome, null) }
      : flaggingOf(reply);
  }
}

function flaggingOf(reply: ReturnType<typeof CANCEL_BATCH.read>): Flagging {
  if (reply.status !== 'cancelled') return reply;
  const { status, flag, untold } = reply;
  return { status, flag: readFlag(flag), ...(untold !== '' && { untold }) };
}
