import type { Surroundings } from './protocol.ts';

/** The queue of the parent job. It has the same name as in Errand. */
export const BATCH_QUEUE = 'batches';
/** The queue of the tasks. */
export const LANE = 'tasks-openai';

/** Key prefixes of the two contenders that use Redis. */
export const ERRAND_PREFIX = '{bench-errand}';
/** The key prefix of the plain flow. */
export const PLAIN_PREFIX: Record<Surroundings['caller'], string> = {
  sdk: '{bench-plain}',
  errand: '{bench-plain}-same-call',
};
