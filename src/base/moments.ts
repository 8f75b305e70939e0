import { channel } from 'node:diagnostics_channel';

/** The steps of an attempt, in their order; an attempt need not pass them all. */
export const MOMENTS = [
  'opened',
  'intent',
  'acquired',
  'leased',
  'built',
  'mid_stream',
  'turn_recorded',
  'unwinding',
  'unwound',
  'closed',
  'told_queue',
] as const;
export type Moment = (typeof MOMENTS)[number];

/** What is published: which step, of which attempt. */
export type MomentNotice = { moment: Moment; task_id: string };

const moments = channel('errand:attempt');

/**
 * Announces a step of an attempt on the diagnostics channel `errand:attempt`, synchronously: a subscriber runs before
 * the next step begins. Costs nothing while nobody subscribes. Tests die here on purpose; tracers may listen.
 */
export function announce(moment: Moment, taskId: string): void {
  if (moments.hasSubscribers) moments.publish({ moment, task_id: taskId } satisfies MomentNotice);
}
