import { randomUUID } from 'node:crypto';
import { monotonicMs, sleep } from '../base/clock.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import type { BatchJobs } from '../queue/batch-jobs.ts';
import type { BatchFlow, BatchPlan } from '../queue/flow.ts';
import type { BatchRecords } from '../records/batch-records.ts';
import type { EnqueueClaims } from '../records/enqueue-claims.ts';
import type { TaskMetadata } from '../records/task-metadata.ts';
import { isRedisFault } from '../redis/faults.ts';
import type { PlannedBatch } from '../routes/plan.ts';

/** How long to wait for another producer that adds the same batch. */
const RIVAL_MS = 60_000;
const RIVAL_LOOK_MS = 250;

/** What adding a batch needs. `policy`: how its tasks are retried, and how long its gate stays shut. */
export type AddDeps = {
  batches: BatchRecords;
  claims: EnqueueClaims;
  flow: BatchFlow;
  metadata: TaskMetadata;
  jobs: BatchJobs;
  policy: Pick<BatchPlan, 'attempts' | 'backoffMs' | 'ingestTimeoutMs'>;
};

/**
 * The result of adding. `isNew`: this call created the record of the batch. `added`: the number of tasks that it added.
 */
export type Adding = { isNew: boolean; added: number };

/**
 * Adds a planned batch, or the missing part of it, to the records and to the queue.
 *
 * @throws ErrandError `IDEMPOTENCY_CONFLICT`, `ENQUEUE_INCOMPLETE`. Nothing of the batch runs then.
 */
export async function addBatch(planned: PlannedBatch, deps: AddDeps): Promise<Adding> {
  const { batches, claims, flow, jobs, metadata, policy } = deps;
  const { record, tasks, priority } = planned;
  const stage = await batches.create(record, planned.context, planned.fingerprint);
  if (stage === 'settled') return { isNew: false, added: 0 };
  // If another tool removed the batch job, the batch is added again. Tasks that have ended do nothing.
  if (stage === 'running' && (await jobs.exists(record.batch_id))) return { isNew: false, added: 0 };
  const isNew = stage === null;
  const token = randomUUID();
  if (!(await claim(record.batch_id, token, deps))) return { isNew, added: 0 };
  const keep = async () => {
    if (await claims.claim(record.batch_id, token)) return;
    throw new ErrandError('ENQUEUE_INCOMPLETE', `another producer took over batch ${record.batch_id}`);
  };
  // The jobs of ended tasks of a batch without a batch job are added again too, but they do not run again.
  const ended = stage !== 'running' ? 0 : ((await batches.status(record.batch_id))?.ended ?? 0);
  let added = 0;
  try {
    const shown = record.metadata && { metadata: record.metadata };
    const job = { version: 1 as const, batch_id: record.batch_id, name: record.name, total: record.total, ...shown };
    await metadata.keep(
      record.batch_id,
      tasks.map(({ data }) => ({ index: data.index, metadata: data.task.metadata })),
    );
    added = await flow.add({ job, tasks, priority, ...policy }, { isNew }, keep);
  } catch (error) {
    // A retry can then start without waiting until the claim expires.
    await claims.release(record.batch_id, token).catch(() => undefined);
    throw error;
  }
  await sealed(batches.seal(record.batch_id));
  return { isNew, added: Math.max(0, added - ended) };
}

/**
 * Waits for the seal of a batch whose jobs are all in the queue. If Redis fails at this point, the batch still runs and
 * a worker seals it, so the call must not report a failure.
 */
async function sealed(sealing: Promise<void>): Promise<void> {
  try {
    await sealing;
  } catch (error) {
    if (!isRedisFault(error)) throw error;
  }
}

/** Claims the adding of a batch; `false` if another producer has finished it meanwhile. */
async function claim(batchId: string, token: string, { batches, claims }: AddDeps): Promise<boolean> {
  const deadline = monotonicMs() + RIVAL_MS;
  while (!(await claims.claim(batchId, token))) {
    if (monotonicMs() > deadline)
      throw new ErrandError('ENQUEUE_INCOMPLETE', `another producer is still adding batch ${batchId}`);
    await sleep(RIVAL_LOOK_MS);
    const status = await batches.status(batchId);
    if (status && status.status !== 'enqueueing') return false;
  }
  return true;
}

/** Returns the error of a rejected `enqueue`, with the id of its batch in the field and the message. */
export function namingBatch(error: unknown, batchId: string): ErrandError {
  if (!isErrandError(error))
    return new ErrandError('INTERNAL', `unexpected error while adding batch ${batchId}: ${messageOf(error)}`, {
      cause: error,
      batchId,
    });
  const { code, message, remedy, problems, cause } = error;
  const named = message.includes(batchId) ? message : `${message} (while adding batch ${batchId})`;
  return new ErrandError(code, named, { remedy, problems, batchId, ...(cause !== undefined && { cause }) });
}
