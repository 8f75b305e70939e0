import { z } from 'zod';
import { stored } from './stored.ts';

/**
 * What a worker announces with every beat, apart from its identity, which earlier versions read strictly.
 *
 * `lanes` are the providers whose tasks it takes; empty while it drains. Later versions may add fields.
 */
export const Announcement = stored({
  lanes: z.array(z.string()),
  reader: z.number().int().positive(),
});
export type Announcement = z.infer<typeof Announcement>;
