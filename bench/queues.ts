import type { Surroundings } from './protocol.ts';

/** The queue whose job a flow ends with, and the queue of its tasks: the names that Errand has for them. */
export const BATCH_QUEUE = 'batches';
/** The queue of the tasks. */
export const LANE = 'tasks-openai';

/** Key prefixes of the two contenders that use Redis. */
export const ERRAND_PREFIX = '{bench-errand}';
/** Of the plain flow. */
export const PLAIN_PREFIX: Record<Surroundings['caller'], string> = {
  sdk: '{bench-plain}',
  errand: '{bench-plain}-same-call',
};
