import { z } from 'zod';

/**
 * The maximum number of tasks that are added in one transaction. A larger batch is added in chunks, and its tasks are held
 * meanwhile.
 */
export const ATOMIC_TASKS = 1000;

const bytes = z.number().int().positive();

/** The maximum number of tasks that a deployment can allow for a batch. A record with more tasks is invalid. */
export const MAX_TASKS = 1_000_000;

/** The maximum number of tool calls in one turn. A reply with more calls is not read to its end. */
export const MAX_TOOL_CALLS = 128;

/** How large a batch may be. Sizes are UTF-8 bytes. Every limit can be set in `errand.config.yaml` under `limits`. */
export const Limits = z.strictObject({
  max_tasks: z.number().int().positive().max(MAX_TASKS).default(100_000),
  max_goal_bytes: bytes.default(256 * 1024),
  max_context_bytes: bytes.default(1024 * 1024),
  max_metadata_bytes: bytes.default(16 * 1024),
  max_batch_bytes: bytes.default(128 * 1024 * 1024),
  max_depth: z.number().int().positive().max(1000).default(32),
});
export type Limits = z.infer<typeof Limits>;

/** What a deployment lets a child use if its task says nothing. It is set in `errand.config.yaml` under `budget`. */
export const DefaultBudget = z.strictObject({
  turns: z.number().int().positive().default(50),
  seconds: z.number().positive().default(3600),
  tokens: z.number().int().positive().optional(),
  output_tokens_per_turn: z.number().int().positive().default(32_000),
  /** A turn with more tool calls ends the task, and none of them runs. */
  tool_calls_per_turn: z.number().int().min(1).max(MAX_TOOL_CALLS).default(MAX_TOOL_CALLS),
});
export type DefaultBudget = z.infer<typeof DefaultBudget>;

/**
 * How much a child may keep in its workspace: files and folders together, names in one path, and bytes of all files. They are
 * set in `errand.config.yaml` under `workspace`.
 */
export const WorkspaceLimits = z.strictObject({
  max_entries: z.number().int().positive().max(100_000).default(10_000),
  max_depth: z.number().int().positive().max(200).default(32),
  max_bytes: bytes.max(1024 ** 4).default(1024 ** 3),
});
export type WorkspaceLimits = z.infer<typeof WorkspaceLimits>;

/** The limits that hold where nothing is configured. */
export const DEFAULT_LIMITS: Limits = Limits.parse({});

const MIN_TEXT_BYTES = 1024 * 1024;
/** A text of V8 holds no more. */
const MAX_TEXT_BYTES = 512 * 1024 * 1024 - 1024;

/**
 * The maximum size of the file of a batch, or of `tasks` as a text: twice `max_batch_bytes`, because names of fields and
 * escapes add to the tasks, from 1 MiB up to 512 MiB.
 */
export function maxTextBytes({ max_batch_bytes }: Limits): number {
  return Math.min(Math.max(2 * max_batch_bytes, MIN_TEXT_BYTES), MAX_TEXT_BYTES);
}
