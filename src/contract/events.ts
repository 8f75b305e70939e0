import { z } from 'zod';
import { FailureCodeText } from './failure.ts';
import { AttemptEnd } from './outcome.ts';
import { stored } from './stored.ts';
import { Metadata } from './task.ts';

/**
 * The listening producer adds these fields and the `metadata` of a task, because listeners of 0.1.0 refuse further
 * fields.
 */
const ofBatch = {
  /** Name of the batch. */
  batch_name: z.string().optional(),
  /** Metadata of the batch. */
  batch_metadata: Metadata.optional(),
};
const common = {
  /** Version of this shape. */
  version: z.literal(1),
  /** Id of the batch. */
  batch_id: z.string(),
  /** When it happened. */
  at: z.iso.datetime(),
  ...ofBatch,
};
const ofTask = {
  ...common,
  /** Id of the task. */
  task_id: z.string(),
  /** Place of the task in its batch, from 0. */
  index: z.number().int(),
  /** Metadata of the task. */
  metadata: Metadata.optional(),
};

/**
 * What a worker publishes while a batch runs, over Redis pub/sub. Delivery is best effort: an event may be lost or
 * repeated. The records are the truth.
 */
export const ErrandEvent = z.discriminatedUnion('event', [
  stored({
    /** An attempt of a task began. */
    event: z.literal('attempt_started'),
    /** Number of the attempt. */
    epoch: z.number().int(),
    /** Name of the worker. */
    worker: z.string(),
    ...ofTask,
  }),
  stored({
    /** A model call ended, and its turn was recorded. */
    event: z.literal('turn_recorded'),
    epoch: z.number().int(),
    /** Number of the turn in its task, from 1. */
    turn: z.number().int(),
    ...ofTask,
  }),
  stored({
    /**
     * An attempt ended and its task continues: it is retried, deferred or handed back. The last attempt ends with
     * `task_ended`.
     */
    event: z.literal('attempt_ended'),
    epoch: z.number().int(),
    /** How the attempt ended. */
    ended: AttemptEnd,
    /** Code of the failure, if there was one. */
    code: FailureCodeText.optional(),
    ...ofTask,
  }),
  stored({
    /** A task has its outcome. */
    event: z.literal('task_ended'),
    /** Status of the outcome. */
    status: z.enum(['succeeded', 'failed', 'rejected', 'cancelled']),
    code: FailureCodeText.optional(),
    ...ofTask,
  }),
  stored({
    /** All tasks of the batch have outcomes, and its summary is stored. */
    event: z.literal('batch_settled'),
    ...common,
  }),
]);
export type ErrandEvent = z.infer<typeof ErrandEvent>;
