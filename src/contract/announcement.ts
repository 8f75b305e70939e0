import { z } from 'zod';
import { stored } from './stored.ts';

/**
 * The announcement that a worker repeats with every beat. It is separate from the identity, which earlier versions read
 * strictly.
 *
 * `lanes`: the providers whose tasks it takes; empty while it drains. Later versions may add fields.
 */
export const Announcement = stored({
  lanes: z.array(z.string()),
  reader: z.number().int().positive(),
});
export type Announcement = z.infer<typeof Announcement>;
