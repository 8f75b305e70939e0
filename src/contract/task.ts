import { z } from 'zod';
import { ResolvedRoute, RouteRequest } from './route.ts';

/** A toolset a child may be given by name. */
export const Toolset = z.enum(['workspace']);
export type Toolset = z.infer<typeof Toolset>;

/** What a child may use at most. Absent fields fall back to the deployment's `budget`. */
export const Budget = z.strictObject({
  turns: z.number().int().min(1).max(10_000).optional(),
  /** Input and output tokens of all turns together. */
  tokens: z.number().int().min(1).optional(),
  /** Wall-clock seconds of one attempt. */
  seconds: z.number().positive().max(86_400).optional(),
});
export type Budget = z.infer<typeof Budget>;

/** Free data of the producer, returned with the outcome and shown in the board. */
export const Metadata = z.record(z.string().max(200), z.json());
export type Metadata = z.infer<typeof Metadata>;

/** One piece of agent work, as a producer writes it. */
export const TaskSpec = z.strictObject({
  goal: z
    .string({ error: (issue) => (issue.input === undefined ? 'missing: every task needs a goal' : undefined) })
    .refine((goal) => goal.trim() !== '', 'expected a goal, got blank text'),
  context: z.string().optional(),
  ...RouteRequest.shape,
  toolsets: z.array(Toolset).max(16).optional(),
  budget: Budget.optional(),
  metadata: Metadata.optional(),
});
export type TaskSpec = z.infer<typeof TaskSpec>;

/**
 * The data of a task job: everything a worker needs but the batch's shared context, which is stored once with the
 * batch. Written by the producer, never changed.
 */
export const TaskJob = z.strictObject({
  version: z.literal(1),
  batch_id: z.string(),
  index: z.number().int().nonnegative(),
  task: TaskSpec.omit({ provider: true, model: true, reasoning_effort: true }),
  route: ResolvedRoute,
});
export type TaskJob = z.infer<typeof TaskJob>;
