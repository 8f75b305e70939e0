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

/** What an unusable route does: reject the whole `batch`, or fail only the tasks on that route. */
export const Admission = z.enum(['batch', 'task']);
export type Admission = z.infer<typeof Admission>;

/** The most urgent and the least urgent priority a batch may have. Lower runs first. */
export const PRIORITY = { first: 1, normal: 1000, last: 2_000_000 } as const;

/** Everything a batch may say beside its tasks. */
export const BatchOptions = z.strictObject({
  name: z
    .string()
    .max(120)
    .refine((name) => name.trim() !== '', 'expected a name, got blank text')
    .optional(),
  /** Background that every task gets before its own context; stored once. */
  context: z.string().optional(),
  /** Route fields for the tasks that do not set them: the way to mean a default for the whole batch. */
  defaults: RouteRequest.optional(),
  /** The route of whoever delegates this batch; the last resort of each field. */
  parent: RouteRequest.optional(),
  admission: Admission.default('batch'),
  /** How many tasks of this batch may run at the same time, over all workers. */
  max_concurrent: z.number().int().min(1).max(100_000).optional(),
  priority: z.number().int().min(PRIORITY.first).max(PRIORITY.last).default(PRIORITY.normal),
  /** Enqueueing twice with the same key is the same as once. */
  idempotency_key: z.string().min(1).max(200).optional(),
  metadata: Metadata.optional(),
});
export type BatchOptions = z.infer<typeof BatchOptions>;

/**
 * What a producer submits: `tasks`, or a single `goal` with the fields of a task beside it.
 *
 * The published schema. Producers in TypeScript may pass an object of type {@link BatchInput}.
 */
export const BatchSpec = z.union([
  z.strictObject({ ...BatchOptions.shape, ...RouteRequest.shape, tasks: z.array(TaskSpec).min(1) }),
  z.strictObject({ ...BatchOptions.shape, ...TaskSpec.shape }),
]);
export type BatchInput = z.input<typeof BatchSpec>;

/** A batch after parsing: options, tasks in order, and the top-level route, which is no default for the tasks. */
export type Batch = { options: BatchOptions; tasks: TaskSpec[]; route: RouteRequest; warnings: string[] };

/** The data of a batch job, for people to read in the board; whoever settles the batch reads its record. */
export type BatchJob = { version: 1; batch_id: string; name: string; total: number; metadata?: Metadata };

/** A distinct route of a batch, with the first task that carries it: what admission checks. */
export const RouteInUse = stored({
  provider: ProviderName,
  model: z.string(),
  reasoning_effort: ReasoningEffort.optional(),
  first_index: z.number().int().nonnegative(),
});
export type RouteInUse = z.infer<typeof RouteInUse>;

/** What a batch is, as recorded once at enqueue for the workers; its shared context is kept beside it. */
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
 * The fields of a batch record that settling needs, in a form that every version writes. `routes` is empty if it cannot be
 * read.
 */
export const BatchBrief = contract(
  BatchRecord.pick({ batch_id: true, name: true, total: true, enqueued_at: true }).extend({
    routes: z.array(stored({ provider: ProviderName })).catch([]),
  }),
);
export type BatchBrief = z.infer<typeof BatchBrief>;

/** The verdict of admission, written once: the unusable routes, first task first. Empty: all is usable. */
export const AdmissionVerdict = stored({
  version: z.literal(1),
  unusable: z.array(RouteInUse.extend({ failure: Failure })),
});
export type AdmissionVerdict = z.infer<typeof AdmissionVerdict>;

/** Someone's wish to cancel a batch or a task. */
export const CancelFlag = stored({ reason: z.string(), requested_at: z.iso.datetime() });
export type CancelFlag = z.infer<typeof CancelFlag>;

/**
 * What `enqueue` returns. `is_new` is false if a batch with this idempotency key existed. `added`: the number of tasks that
 * this call added; all tasks of a new batch, the missing tasks of a batch that was added in part, else 0.
 */
export type Receipt = { batch_id: string; total: number; is_new: boolean; added: number; warnings: string[] };

/** How many tasks of a batch ended in which way. */
export const Counts = stored({
  succeeded: z.number().int(),
  failed: z.number().int(),
  rejected: z.number().int(),
  cancelled: z.number().int(),
});
export type Counts = z.infer<typeof Counts>;

/** What a settled batch came to. */
export const BatchSummary = stored({
  version: z.literal(1),
  batch_id: z.string(),
  name: z.string(),
  total: z.number().int(),
  /** The metadata of the batch, added when the summary is read. */
  metadata: Metadata.optional(),
  counts: Counts,
  usage: Usage,
  cost_usd: Cost,
  /** Tasks whose cost is unknown; if it is above 0, `cost_usd` is `null`. */
  unpriced_tasks: z.number().int(),
  /** Number of model calls of unknown cost that may have been billed; absent if 0. */
  calls_of_unknown_cost: z.number().int().positive().optional(),
  /** The cost of all other calls; present with `calls_of_unknown_cost`. */
  known_cost_usd: z.number().nonnegative().optional(),
  /** The models without a price that tasks of unknown cost ran on, at most ten; absent if there are none. */
  unpriced_models: z.array(UnpricedModel).optional(),
  /** The first failures by index, at most ten. */
  failures: z.array(stored({ index: z.number().int(), task_id: z.string(), failure: Failure })),
  cleanup: stored({ released: z.number().int(), open: z.number().int() }),
  enqueued_at: z.iso.datetime(),
  settled_at: z.iso.datetime(),
});
export type BatchSummary = z.infer<typeof BatchSummary>;

/**
 * Why a batch waits for more than a free place, and what a person can do: its tasks are still being added, no worker is alive,
 * no worker serves their lane, or their lane is paused. Later versions may add reasons.
 */
export type WaitsFor = {
  reason: 'enqueueing' | 'no_worker' | 'lane_unserved' | 'lane_paused';
  lane?: string;
  message: string;
  remedy: string;
};

/** Where a batch stands. `ended` tasks have an outcome; `running` ones have an attempt open, or keep its place until they are taken up again. */
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
