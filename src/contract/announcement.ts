import { z } from 'zod';

/** The reader version of this tree: a worker may act on jobs and records that need no higher one. */
export const READER_VERSION = 1;

/**
 * What a worker tells of itself with every beat, apart from its identity, which earlier versions read strictly.
 *
 * `lanes` are the providers whose tasks it takes; empty while it drains. Later versions may add fields.
 */
export const Announcement = z.looseObject({
  lanes: z.array(z.string()),
  reader: z.number().int().positive(),
});
export type Announcement = z.infer<typeof Announcement>;
