import { z } from 'zod';

/**
 * The BullMQ workers that take jobs for one worker: queue → id. Every lock token that one of them takes begins with its id, so
 * that the jobs of a dead worker can be told from those of any other.
 */
export const Takers = z.record(z.string(), z.string().min(1));
export type Takers = z.infer<typeof Takers>;
