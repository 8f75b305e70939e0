/** The queue of batch jobs: one job per batch, run when all its tasks have ended. */
export const BATCH_QUEUE = 'batches';

/** The queue of gates: a gate holds a large batch while its tasks are added in chunks. */
export const GATE_QUEUE = 'gates';

const LANE = 'tasks-';

/** The lane of a provider: the queue of its task jobs. Pausing it pauses the provider. */
export function laneOf(provider: string): string {
  return `${LANE}${provider}`;
}

/** The provider of a lane, or `null` for any other queue. */
export function providerOf(queue: string): string | null {
  return queue.startsWith(LANE) ? queue.slice(LANE.length) : null;
}
