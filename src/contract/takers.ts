import { z } from 'zod';
import { contract } from './fits.ts';

/**
 * The BullMQ workers that take jobs for one worker: queue → id. Every lock token of a BullMQ worker begins with its id,
 * so the tokens identify the jobs of a dead worker.
 */
export const Takers = contract(z.record(z.string(), z.string().min(1)));
export type Takers = z.infer<typeof Takers>;
