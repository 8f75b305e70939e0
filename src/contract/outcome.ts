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
 * How one attempt ended. `lost`: a later attempt found it without an end, or it lost its lock, as its failure then
 * says.
 */
export const AttemptEnd = z.enum(['succeeded', 'failed', 'rejected', 'cancelled', 'deferred', 'handed_back', 'lost']);
export type AttemptEnd = z.infer<typeof AttemptEnd>;

/**
 * One attempt of a task: the worker that ran it and how it ended. `cleanup` lists the resources that it released. An
 * outcome has one `cleanup` for the whole task instead, in which row ids begin with the epoch.
 *
 * Consecutive deferrals that left nothing open and cut off no call are merged into the record of the last one.
 */
export const Attempt = stored({
  /** Number of the attempt. It grows with each start, and fences all writes of the attempt. */
  epoch: z.number().int().positive(),
  /** Name of the worker. */
  worker: z.string(),
  /** Number of recorded turns when the attempt started. */
  turns_before: z.number().int().nonnegative(),
  /** Number of model calls that the attempt sent and whose end it did not see; the next attempt repeats them. */
  unfinished_calls: z.number().int().nonnegative().optional(),
  /** Epoch of the attempt whose background response this attempt continued, so no call was repeated in between. */
  call_taken_over_from: z.number().int().positive().optional(),
  /** When the attempt started. */
  started_at: z.iso.datetime(),
  /** Number of consecutive deferrals that this record merges; absent for a single attempt. */
  times: z.number().int().min(2).optional(),
  /** When the first of these deferrals started. */
  first_started_at: z.iso.datetime().optional(),
  /** When the attempt ended. */
  ended_at: z.iso.datetime().optional(),
  /** How the attempt ended. */
  ended: AttemptEnd.optional(),
  /** Why the attempt did not succeed. */
  failure: Failure.optional(),
  /** What the attempt released. The outcome has the steps of all attempts in its own `cleanup` instead. */
  cleanup: CleanupRecord.optional(),
});
export type Attempt = z.infer<typeof Attempt>;

const common = {
  /** Version of this shape. */
  version: z.literal(1),
  /** Reader version that the kinds of its own resources need; absent without such resources. */
  needs: Needs,
  /** Id of the batch. */
  batch_id: z.string(),
  /** Id of the task. */
  task_id: z.string(),
  /** Place of the task in its batch, from 0. */
  index: z.number().int().nonnegative(),
  /**
   * What the task was asked to run on, and what it ran on; `null` if its job never reached a queue or does not parse.
   */
  route: RouteAudit.nullable(),
  /** Metadata of the task, as the producer wrote it. */
  metadata: Metadata.optional(),
  /** Metadata of the batch, added when the outcome is read. */
  batch_metadata: Metadata.optional(),
  /** Each start of the task; consecutive deferrals are one record. */
  attempts: z.array(Attempt),
  /** Number of recorded model calls, over all attempts. */
  turns: z.number().int().nonnegative(),
  /** Number of recorded tool calls, over all attempts. */
  tool_calls: z.number().int().nonnegative(),
  /** Tokens of all model calls: the recorded turns, and what the provider had reported of calls that were cut off. */
  usage: Usage,
  /** Cost of all model calls in US dollars; `null` if the cost of any call is unknown. */
  cost_usd: Cost,
  /** Number of model calls of unknown cost that may have been billed; absent if 0. */
  calls_of_unknown_cost: z.number().int().positive().optional(),
  /** Cost of all other calls; present with `calls_of_unknown_cost`. */
  known_cost_usd: z.number().nonnegative().optional(),
  /** Present if the cost is unknown because the model has no price. */
  is_unpriced: z.literal(true).optional(),
  /** Number of calls that were repeated because the first call was cut off. No more calls than these were paid twice. */
  calls_possibly_paid_twice: z.number().int().nonnegative(),
  /**
   * Maximum cost of the first time of those calls; absent if there are no such calls, `null` without a price. It is
   * computed from the input of the repeated turn, or else from the size of its request, and from the output limit of
   * one turn.
   */
  possibly_paid_twice_usd: Cost.optional(),
  /** Sentences about what was cut or repeated to keep a call or this record within a limit; absent if nothing was. */
  notes: z.array(z.string()).optional(),
  /** Calls of effect tools that began and whose end no attempt saw, in order; absent if empty. */
  interrupted_effects: z.array(InterruptedEffect).optional(),
  /** From the first start to the end; 0 for a task that never started. */
  duration_ms: z.number().nonnegative(),
  /** When the task ended. */
  ended_at: z.iso.datetime(),
  /** Everything that the task held, over all its attempts, in the order of the releases. */
  cleanup: CleanupRecord,
};

/** Files that a child made, with their contents if they are small. */
export const AnswerFiles = contract(
  z.array(stored({ path: z.string(), bytes: z.number().int(), text: z.string().optional() })),
);

/** The text and the files of the child, complete or partial. */
export const Answer = stored({
  /** Text of the last turn. */
  text: z.string(),
  /**
   * All files that the task left in its workspace, in the order of their paths. `text` is the content; it is absent for
   * a file of more than 8 KiB, and after the first 50 files. The workspace itself is removed.
   */
  files: AnswerFiles,
});
export type Answer = z.infer<typeof Answer>;

/**
 * The final result of a task: the only terminal record that it has.
 *
 * `rejected` means that no child was built because its batch was not admitted.
 */
export const Outcome = contract(
  z.discriminatedUnion('status', [
    stored({
      /** The task has an answer. */
      status: z.literal('succeeded'),
      /** What the model answered. */
      answer: Answer,
      ...common,
    }),
    stored({
      /** The task failed, and no try is left that could help. */
      status: z.literal('failed'),
      /** Why the task did not succeed. */
      failure: Failure,
      /** What there was of an answer; absent if there was nothing. */
      partial: Answer.optional(),
      ...common,
    }),
    stored({
      /** The last attempt built no child, because the batch was not admitted. */
      status: z.literal('rejected'),
      failure: Failure,
      ...common,
    }),
    stored({
      /** The task was cancelled before it could end. */
      status: z.literal('cancelled'),
      failure: Failure,
      /** Reason of the cancel. */
      reason: z.string(),
      /** When the cancel was requested. */
      requested_at: z.iso.datetime(),
      /** When the model call that the cancel cut short had ended; absent if no call was running. */
      call_closed_at: z.iso.datetime().optional(),
      /** Tokens of that call that the provider had reported: they are billed, and counted in `usage`. */
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
 * The part of an outcome or a summary that is stored beside it, in a separate field. Readers of 0.1.0 refuse a record
 * with fields that they do not know.
 */
export const Beside = stored({
  calls_of_unknown_cost: z.number().int().positive().optional(),
  known_cost_usd: z.number().nonnegative().optional(),
  notes: z.array(z.string()).optional(),
  is_unpriced: z.literal(true).optional(),
  unpriced_models: z.array(UnpricedModel).optional(),
});
export type Beside = z.infer<typeof Beside>;
