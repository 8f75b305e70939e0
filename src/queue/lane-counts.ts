import type { Queue } from 'bullmq';

/** The task jobs of a lane by state: those that could start now, those that come back later, those that run. */
export type LaneCounts = { waiting: number; delayed: number; active: number };

/** Counts the task jobs of a lane. Jobs with a priority wait too; BullMQ counts them apart. */
export async function laneCounts(lane: Queue): Promise<LaneCounts> {
  const {
    wait = 0,
    prioritized = 0,
    delayed = 0,
    active = 0,
  } = await lane.getJobCounts('wait', 'prioritized', 'delayed', 'active');
  return { waiting: wait + prioritized, delayed, active };
}
