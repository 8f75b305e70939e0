import { z } from 'zod';
import { ReasoningEffort } from './effort.ts';
import { Failure } from './failure.ts';
import { contract } from './fits.ts';
import { MAX_TASKS } from './limits.ts';
import { Needs } from './needs.ts';
import { UnpricedModel } from './outcome.ts';
import { ProviderName, RouteRequest } from './route.ts';
import { stored } from './stored.ts';
import { Metadata, TaskSpec } from './task.ts';
import { Cost, Usage } from './usage.ts';

/**
 * What happens if a route cannot be used: `batch` rejects the whole batch, `task` fails only the tasks with that route.
 */
export const Admission = z.enum(['batch', 'task']);
export type Admission = z.infer<typeof Admission>;

/** The most urgent and the least urgent priority a batch may have. Lower runs first. */
export const PRIORITY = { first: 1, normal: 1000, last: 2_000_000 } as const;

/** The fields of a batch beside its tasks. */
export const BatchOptions = z.strictObject({
  /** Name for people, shown in lists and on the board. The default is `batch` and six characters of the id. */
  name: z
    .string()
    .max(120)
    .refine((name) => name.trim() !== '', 'expected a name, got blank text')
    .optional(),
  /** Background that every task gets before its own context. It is stored once. */
  context: z.string().optional(),
  /** Route fields for the tasks that do not set them. */
  defaults: RouteRequest.optional(),
  /** Route of the caller that delegates this batch: the last resort of each field. */
  parent: RouteRequest.optional(),
  /** What an unusable route does: it rejects the whole `batch`, or fails only each `task` on that route. */
  admission: Admission.default('batch'),
  /** Maximum number of tasks of this batch that run at the same time, over all workers. */
  max_concurrent: z.number().int().min(1).max(100_000).optional(),
  /** A lower number starts first. */
  priority: z.number().int().min(PRIORITY.first).max(PRIORITY.last).default(PRIORITY.normal),
  /** Enqueueing twice with the same key has the effect of enqueueing once. */
  idempotency_key: z.string().min(1).max(200).optional(),
  /** Free JSON, returned in the status, the summary, the events and every outcome. */
  metadata: Metadata.optional(),
});
export type BatchOptions = z.infer<typeof BatchOptions>;

/**
 * The input of `enqueue`: `tasks`, or a single `goal` with the fields of a task beside it. This schema is published. In
 * TypeScript its type is {@link BatchInput}.
 */
export const BatchSpec = z.union([
  z.strictObject({
    ...BatchOptions.shape,
    ...RouteRequest.shape,
    /** The tasks, at least one. */
    tasks: z.array(TaskSpec).min(1),
  }),
  z.strictObject({ ...BatchOptions.shape, ...TaskSpec.shape }),
]);
export type BatchInput = z.input<typeof BatchSpec>;

/** A batch after parsing: options, tasks in order, and the top-level route, which is no default for the tasks. */
export type Batch = { options: BatchOptions; tasks: TaskSpec[]; route: RouteRequest; warnings: string[] };

/** The data of a batch job, shown in the board. To settle the batch, workers read its record instead. */
export type BatchJob = { version: 1; batch_id: string; name: string; total: number; metadata?: Metadata };

/** One of the different routes of a batch, with the index of its first task. Admission checks each of them. */
export const RouteInUse = stored({
  provider: ProviderName,
  model: z.string(),
  reasoning_effort: ReasoningEffort.optional(),
  first_index: z.number().int().nonnegative(),
});
export type RouteInUse = z.infer<typeof RouteInUse>;

/** The record of a batch for the workers, written once at enqueue. Its shared context is stored separately. */
export const BatchRecord = stored({
  version: z.literal(1),
  needs: Needs,
  batch_id: z.string(),
  name: z.string(),
  total: z.number().int().positive().max(MAX_TASKS),
  admission: Admission,
  routes: z.array(RouteInUse),
  max_concurrent: z.number().int().optional(),
  metadata: Metadata.optional(),
  enqueued_at: z.iso.datetime(),
});
export type BatchRecord = z.infer<typeof BatchRecord>;

/**
 * The fields of a batch record that settling needs, in a form that every version writes. `routes` is empty if it cannot
 * be read.
 */
export const BatchBrief = contract(
  BatchRecord.pick({ batch_id: true, name: true, total: true, enqueued_at: true }).extend({
    routes: z.array(stored({ provider: ProviderName })).catch([]),
  }),
);
export type BatchBrief = z.infer<typeof BatchBrief>;

/**
 * The result of admission, written once: the unusable routes, in the order of their first tasks. Empty: all can be
 * used.
 */
export const AdmissionVerdict = stored({
  version: z.literal(1),
  unusable: z.array(RouteInUse.extend({ failure: Failure })),
});
export type AdmissionVerdict = z.infer<typeof AdmissionVerdict>;

/** A request to cancel a batch or a task. */
export const CancelFlag = stored({ reason: z.string(), requested_at: z.iso.datetime() });
export type CancelFlag = z.infer<typeof CancelFlag>;

/**
 * What `enqueue` returns. `is_new` is false if a batch with this idempotency key existed. `added`: the number of tasks
 * that this call added; all tasks of a new batch, the missing tasks of a batch that was added in part, else 0.
 */
export type Receipt = { batch_id: string; total: number; is_new: boolean; added: number; warnings: string[] };

/** The number of tasks of a batch by the way they ended. */
export const Counts = stored({
  /** Tasks with an answer. */
  succeeded: z.number().int(),
  /** Tasks that failed. */
  failed: z.number().int(),
  /** Tasks whose last attempt built no child, because their batch was not admitted. */
  rejected: z.number().int(),
  /** Tasks that were cancelled. */
  cancelled: z.number().int(),
});
export type Counts = z.infer<typeof Counts>;

/** The result of a settled batch. */
export const BatchSummary = stored({
  /** Version of this shape. */
  version: z.literal(1),
  /** Id of the batch. */
  batch_id: z.string(),
  /** Name of the batch. */
  name: z.string(),
  /** Number of tasks. */
  total: z.number().int(),
  /** Metadata of the batch, added when the summary is read. */
  metadata: Metadata.optional(),
  /** Number of tasks by the way they ended. */
  counts: Counts,
  /** Tokens of all tasks. */
  usage: Usage,
  /** Cost of all tasks in US dollars; `null` if the cost of any task is unknown. */
  cost_usd: Cost,
  /** Number of tasks whose cost is unknown; if it is above 0, `cost_usd` is `null`. */
  unpriced_tasks: z.number().int(),
  /** Number of model calls of unknown cost that may have been billed; absent if 0. */
  calls_of_unknown_cost: z.number().int().positive().optional(),
  /** Cost of all other calls; present with `calls_of_unknown_cost`. */
  known_cost_usd: z.number().nonnegative().optional(),
  /** Models without a price that tasks of unknown cost ran on, at most ten; absent if empty. */
  unpriced_models: z.array(UnpricedModel).optional(),
  /** The first failures in the order of the tasks, at most ten. */
  failures: z.array(stored({ index: z.number().int(), task_id: z.string(), failure: Failure })),
  /** Number of resources that were released, and of rows that are still open. */
  cleanup: stored({ released: z.number().int(), open: z.number().int() }),
  /** When the batch was enqueued. */
  enqueued_at: z.iso.datetime(),
  /** When the batch settled. */
  settled_at: z.iso.datetime(),
});
export type BatchSummary = z.infer<typeof BatchSummary>;

/**
 * Why a batch waits for more than a free place, and what a person can do: its tasks are still being added, no worker is
 * alive, no worker serves their lane, or their lane is paused. Later versions may add reasons.
 */
export type WaitsFor = {
  reason: 'enqueueing' | 'no_worker' | 'lane_unserved' | 'lane_paused';
  lane?: string;
  message: string;
  remedy: string;
};

/**
 * The status of a batch. `ended`: the number of tasks with an outcome. `running`: the number of tasks with an open
 * attempt, or that keep its place until a worker continues them.
 */
export type BatchStatus = {
  batch_id: string;
  name: string;
  total: number;
  counts: Counts;
  ended: number;
  running: number;
  /** Number of model calls of unknown cost that may have been billed, for the tasks that have ended; absent if 0. */
  calls_of_unknown_cost?: number;
  /** The metadata of the batch, as the producer wrote it. */
  metadata?: Metadata;
  cancel?: CancelFlag;
  /** Why unfinished tasks wait; absent if they only wait for a free place. */
  waits_for?: WaitsFor[];
} & ({ status: 'enqueueing' | 'running' } | { status: 'settled'; summary: BatchSummary });
