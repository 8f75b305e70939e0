import type { Queue } from 'bullmq';

/**
 * The task jobs of a lane by state: `waiting` jobs can start now, `delayed` jobs come back later, `active` jobs run.
 */
export type LaneCounts = { waiting: number; delayed: number; active: number };

/** Counts the task jobs of a lane. BullMQ counts waiting jobs with a priority separately. */
export async function laneCounts(lane: Queue): Promise<LaneCounts> {
  const {
    wait = 0,
    prioritized = 0,
    delayed = 0,
    active = 0,
  } = await lane.getJobCounts('wait', 'prioritized', 'delayed', 'active');
  return { waiting: wait + prioritized, delayed, active };
}
