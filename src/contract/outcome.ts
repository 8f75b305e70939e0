import { z } from 'zod';
import { CleanupRecord } from './cleanup.ts';
import { InterruptedEffect } from './effect-call.ts';
import { Failure } from './failure.ts';
import { contract } from './fits.ts';
import { Needs } from './needs.ts';
import { RouteAudit } from './route.ts';
import { stored } from './stored.ts';
import { Metadata } from './task.ts';
import { Cost, Usage } from './usage.ts';

/**
 * How one attempt ended. `lost`: it never said, and a later attempt found it without an end; or it lost its lock, which
 * its failure tells.
 */
export const AttemptEnd = z.enum(['succeeded', 'failed', 'rejected', 'cancelled', 'deferred', 'handed_back', 'lost']);
export type AttemptEnd = z.infer<typeof AttemptEnd>;

/**
 * One start of one task: who ran it and how it ended. `cleanup` is what it gave back; in an outcome it stands with the
 * whole task instead, where the row ids begin with the epoch.
 *
 * Deferrals in a row that left nothing open and cut no call off are one record, that of the last.
 */
export const Attempt = stored({
  epoch: z.number().int().positive(),
  worker: z.string(),
  /** How many turns were on record when it started. */
  turns_before: z.number().int().nonnegative(),
  /** Model calls it sent and saw no end of: whoever goes on makes them again. A lost attempt may have left one. */
  unfinished_calls: z.number().int().nonnegative().optional(),
  /** The attempt whose background response it went on with: none from that one to this made a call in vain. */
  call_taken_over_from: z.number().int().positive().optional(),
  started_at: z.iso.datetime(),
  /** For how many deferrals in a row it stands, with its own; absent where for itself alone. */
  times: z.number().int().min(2).optional(),
  /** When the first of those started. */
  first_started_at: z.iso.datetime().optional(),
  ended_at: z.iso.datetime().optional(),
  ended: AttemptEnd.optional(),
  failure: Failure.optional(),
  cleanup: CleanupRecord.optional(),
});
export type Attempt = z.infer<typeof Attempt>;

const common = {
  version: z.literal(1),
  needs: Needs,
  batch_id: z.string(),
  task_id: z.string(),
  index: z.number().int().nonnegative(),
  /** `null` only for a task whose job never reached a queue, or does not parse. */
  route: RouteAudit.nullable(),
  /** The metadata of the task, as the producer wrote it. */
  metadata: Metadata.optional(),
  /** The metadata of the batch, added when the outcome is read. */
  batch_metadata: Metadata.optional(),
  attempts: z.array(Attempt),
  turns: z.number().int().nonnegative(),
  tool_calls: z.number().int().nonnegative(),
  /** Of all model calls: the recorded turns, and what the provider had reported of calls that were cut off. */
  usage: Usage,
  /**
   * `null` if the cost of any call is unknown: it has no price, or it was cut off before the provider reported its usage.
   */
  cost_usd: Cost,
  /** Number of model calls of unknown cost that may have been billed; absent if 0. */
  calls_of_unknown_cost: z.number().int().positive().optional(),
  /** The cost of all other calls; present with `calls_of_unknown_cost`. */
  known_cost_usd: z.number().nonnegative().optional(),
  /** Present if the cost is unknown because the model has no price. */
  is_unpriced: z.literal(true).optional(),
  /** Calls that were made again because their first time was cut off: at most so many were paid twice. */
  calls_possibly_paid_twice: z.number().int().nonnegative(),
  /**
   * The maximum cost of the first time of those calls; absent if there are no such calls, `null` without a price. Computed
   * from the input of the repeated turn, or else from the size of its request, and from the output limit of one turn.
   */
  possibly_paid_twice_usd: Cost.optional(),
  /** Sentences about what was cut or repeated to keep a call or this record within a limit; absent if nothing was. */
  notes: z.array(z.string()).optional(),
  /** Calls of effect tools that were begun and whose end nobody saw, in order; absent where there are none. */
  interrupted_effects: z.array(InterruptedEffect).optional(),
  /** First start to end; 0 for a task that never started. */
  duration_ms: z.number().nonnegative(),
  ended_at: z.iso.datetime(),
  /** Everything the task held, over all its attempts, in the order it was given back. */
  cleanup: CleanupRecord,
};

/** Files that a child made, with their contents if they are small. */
export const AnswerFiles = contract(
  z.array(stored({ path: z.string(), bytes: z.number().int(), text: z.string().optional() })),
);

/** What the child said and wrote, as far as it came. */
export const Answer = stored({
  text: z.string(),
  /** Files left in the workspace, with their contents where small; the workspace itself is removed. */
  files: AnswerFiles,
});
export type Answer = z.infer<typeof Answer>;

/**
 * How a task ended, once and for all: the one terminal record of the task.
 *
 * `rejected` means that no child was built because its batch was not admitted.
 */
export const Outcome = contract(
  z.discriminatedUnion('status', [
    stored({ status: z.literal('succeeded'), answer: Answer, ...common }),
    stored({ status: z.literal('failed'), failure: Failure, partial: Answer.optional(), ...common }),
    stored({ status: z.literal('rejected'), failure: Failure, ...common }),
    stored({
      status: z.literal('cancelled'),
      failure: Failure,
      reason: z.string(),
      requested_at: z.iso.datetime(),
      /** When the model call that was cut short had ended; absent where none was under way. */
      call_closed_at: z.iso.datetime().optional(),
      /** The tokens of that call that the provider had reported: billed, and part of `usage`. */
      call_usage: Usage.optional(),
      partial: Answer.optional(),
      ...common,
    }),
  ]),
);
export type Outcome = z.infer<typeof Outcome>;

/** A model without a price: how many tasks of a batch ran on it, and how many of their calls have an unknown cost. */
export const UnpricedModel = stored({
  provider: z.string(),
  model: z.string(),
  tasks: z.number().int().positive(),
  calls: z.number().int().nonnegative(),
});
export type UnpricedModel = z.infer<typeof UnpricedModel>;

/**
 * The part of an outcome or a summary that is stored beside it, in a separate field. Readers of 0.1.0 refuse a record with
 * fields that they do not know.
 */
export const Beside = stored({
  calls_of_unknown_cost: z.number().int().positive().optional(),
  known_cost_usd: z.number().nonnegative().optional(),
  notes: z.array(z.string()).optional(),
  is_unpriced: z.literal(true).optional(),
  unpriced_models: z.array(UnpricedModel).optional(),
});
export type Beside = z.infer<typeof Beside>;
