import type { BatchStatus, WaitsFor } from '../contract/batch.ts';
import type { BatchJobs } from '../queue/batch-jobs.ts';
import { type Announcements, isServed } from '../records/announcements.ts';
import type { UnattendedRecords } from '../records/unattended-records.ts';

/** Why a batch waits whose tasks are not all in the queue yet. */
const ENQUEUEING: WaitsFor = {
  reason: 'enqueueing',
  message: 'its producer is still adding tasks, or was stopped while it did',
  remedy: 'Wait for enqueue to return; if the producer was stopped, enqueue the batch again with its idempotency_key.',
};

/** What the search for waits needs. */
export type WaitsDeps = { jobs: BatchJobs; announcements: Announcements; records: UnattendedRecords };

/**
 * Finds why tasks in these lanes wait for more than a free place: no worker is alive, no worker serves their lane, or
 * their lane is paused. Needs a few reads, however many tasks there are.
 */
export async function waitsIn(lanes: readonly string[], { jobs, announcements }: WaitsDeps): Promise<WaitsFor[]> {
  const [workers, paused] = await Promise.all([announcements.live(), jobs.paused(lanes)]);
  if (workers.length === 0)
    return [{ reason: 'no_worker', message: 'no worker is alive', remedy: 'Start one: errand worker.' }];
  return lanes.flatMap((lane): WaitsFor[] => {
    if (!isServed(lane, workers)) {
      const remedy = `Start a worker that has the provider "${lane}" in its configuration: errand worker.`;
      return [{ reason: 'lane_unserved', lane, message: `no live worker serves lane "${lane}"`, remedy }];
    }
    if (!paused.has(lane)) return [];
    return [
      {
        reason: 'lane_paused',
        lane,
        message: `lane "${lane}" is paused`,
        remedy: 'Resume the lane in the board: errand board.',
      },
    ];
  });
}

/**
 * Finds why an unsettled batch makes no progress; empty if its tasks run or wait for a free place. Without a live
 * worker even running tasks wait, and a batch whose tasks have all ended does not settle.
 */
export async function waitsOf(status: BatchStatus, deps: WaitsDeps): Promise<WaitsFor[]> {
  const { batch_id: batchId, total, ended, running } = status;
  if (status.status === 'settled') return [];
  const isBeingAdded = status.status === 'enqueueing' ? [ENQUEUEING] : [];
  const lanes = (await deps.records.lanesOf(batchId)) ?? [];
  const waits = (await waitsIn(lanes, deps)).filter(({ reason }) => {
    if (reason === 'no_worker') return true;
    return reason === 'lane_paused' ? ended + running < total : ended < total;
  });
  const isOfBatch = await Promise.all(
    waits.map(async ({ lane }) => lane === undefined || lanes.length === 1 || deps.jobs.hasTaskIn(batchId, lane)),
  );
  return [...isBeingAdded, ...waits.filter((_, at) => isOfBatch[at])];
}

/** Formats a wait as one line of a receipt. */
export function warningOf({ message, remedy }: WaitsFor): string {
  return `${message}: its tasks wait. ${remedy}`;
}
