import { z } from 'zod';
import { FailureCodeText } from './failure.ts';
import { AttemptEnd } from './outcome.ts';
import { stored } from './stored.ts';
import { Metadata } from './task.ts';

/** Added by the producer that listens, as is the `metadata` of a task, because listeners of 0.1.0 refuse further fields. */
const ofBatch = { batch_name: z.string().optional(), batch_metadata: Metadata.optional() };
const common = { version: z.literal(1), batch_id: z.string(), at: z.iso.datetime(), ...ofBatch };
const ofTask = { ...common, task_id: z.string(), index: z.number().int(), metadata: Metadata.optional() };

/**
 * What is told while a batch runs, over Redis pub/sub. Best effort: an event may be lost or repeated; the records are
 * the truth.
 */
export const ErrandEvent = z.discriminatedUnion('event', [
  stored({ event: z.literal('attempt_started'), epoch: z.number().int(), worker: z.string(), ...ofTask }),
  stored({ event: z.literal('turn_recorded'), epoch: z.number().int(), turn: z.number().int(), ...ofTask }),
  /** Only of an attempt whose task continues. The last attempt of a task ends with `task_ended`. */
  stored({
    event: z.literal('attempt_ended'),
    epoch: z.number().int(),
    ended: AttemptEnd,
    code: FailureCodeText.optional(),
    ...ofTask,
  }),
  stored({
    event: z.literal('task_ended'),
    status: z.enum(['succeeded', 'failed', 'rejected', 'cancelled']),
    code: FailureCodeText.optional(),
    ...ofTask,
  }),
  stored({ event: z.literal('batch_settled'), ...common }),
]);
export type ErrandEvent = z.infer<typeof ErrandEvent>;
