import type { Queue } from 'bullmq';
import { sleep } from '../base/clock.ts';
import type { Wake } from '../contract/task.ts';

/** The number of jobs that are woken at the same time. */
const AT_ONCE = 50;
/**
 * How often a job is looked for: a task that has just parked may not be among the delayed jobs yet. A cancel needs no
 * more looks, because a task that is delayed after its flag was set reads the flag itself (`verdict.ts`).
 */
const LOOKS = 4;
const FIRST_PAUSE_MS = 20;

/**
 * Brings delayed task jobs back at once. A job that cannot be woken comes back when its delay is over. `laneOf` returns
 * `null` for an unknown provider, because the names come from Redis and must not open arbitrary queues.
 */
export async function wakeJobs(laneOf: (provider: string) => Queue | null, wakes: readonly Wake[]): Promise<void> {
  for (let from = 0; from < wakes.length; from += AT_ONCE) {
    await Promise.all(wakes.slice(from, from + AT_ONCE).map((wake) => wakeJob(laneOf(wake.provider), wake.taskId)));
  }
}

async function wakeJob(lane: Queue | null, taskId: string): Promise<void> {
  if (lane === null) return;
  for (let look = 0; look < LOOKS; look++) {
    const job = await lane.getJob(taskId);
    if (!job) return;
    const isPromoted = await job.promote().then(
      () => true,
      () => false,
    );
    if (isPromoted) return;
    const state = await job.getState();
    if (state !== 'active' && state !== 'delayed') return;
    await sleep(FIRST_PAUSE_MS * 2 ** look);
  }
}
