import { z } from 'zod';
import { stored } from './stored.ts';

/**
 * The announcement that a worker repeats with every beat. It is separate from the identity, which earlier versions read
 * strictly.
 *
 * `lanes`: the providers whose tasks it takes; empty while it drains. `toolsets`: the names of its toolsets; a worker
 * that announces none has the built-in toolsets. Later versions may add fields.
 */
export const Announcement = stored({
  lanes: z.array(z.string()),
  reader: z.number().int().positive(),
  toolsets: z.array(z.string()).optional(),
});
export type Announcement = z.infer<typeof Announcement>;
