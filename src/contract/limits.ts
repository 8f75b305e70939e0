import { z } from 'zod';
import { type Section, sectionShape } from './setting.ts';

/**
 * The maximum number of tasks that are added in one transaction. A larger batch is added in chunks, and its tasks are
 * held meanwhile.
 */
export const ATOMIC_TASKS = 1000;

const bytes = z.number().int().positive();

/** The maximum number of tasks that a deployment can allow for a batch. A record with more tasks is invalid. */
export const MAX_TASKS = 1_000_000;

/** The maximum number of tool calls in one turn. A reply with more calls is not read to its end. */
export const MAX_TOOL_CALLS = 128;

/** The settings of `limits`: how large a batch may be. Sizes are UTF-8 bytes. */
export const LIMIT_SETTINGS = {
  max_tasks: { type: z.number().int().positive().max(MAX_TASKS).default(100_000), meaning: 'tasks in a batch' },
  max_goal_bytes: {
    type: bytes.default(256 * 1024),
    unit: 'bytes',
    meaning: 'size of a goal; a task is at most 3.5 MiB of JSON, whatever the limits are',
  },
  max_context_bytes: {
    type: bytes.default(1024 * 1024),
    unit: 'bytes',
    meaning: 'size of the context and of the instructions of a task, and of the shared context of a batch',
  },
  max_metadata_bytes: { type: bytes.default(16 * 1024), unit: 'bytes', meaning: 'size of the metadata of a task' },
  max_batch_bytes: {
    type: bytes.default(128 * 1024 * 1024),
    unit: 'bytes',
    meaning: 'goals, instructions, contexts and metadata of a batch together',
  },
  max_depth: { type: z.number().int().positive().max(1000).default(32), meaning: 'nesting of metadata' },
} satisfies Section;

/** How large a batch may be; see {@link LIMIT_SETTINGS}. */
export const Limits = z.strictObject(sectionShape(LIMIT_SETTINGS));
export type Limits = z.infer<typeof Limits>;

/** The settings of `budget`: what a child may use if its task sets no limit. */
export const BUDGET_SETTINGS = {
  turns: { type: z.number().int().positive().default(50), meaning: 'model calls of a task that sets no limit itself' },
  seconds: {
    type: z.number().positive().default(3600),
    unit: 's',
    meaning: 'time that the attempts of a task may run together; waiting is not counted',
  },
  tokens: {
    type: z.number().int().positive().optional(),
    meaning: 'input and output tokens of a task; no limit if absent',
  },
  output_tokens_per_turn: {
    type: z.number().int().positive().default(32_000),
    meaning: "output tokens of a turn, reasoning included; a provider's `max_output_tokens` wins if it is less",
  },
  tool_calls_per_turn: {
    type: z.number().int().min(1).max(MAX_TOOL_CALLS).default(MAX_TOOL_CALLS),
    meaning:
      'tool calls of one turn, 1 to 128; a turn with more ends its task with `BUDGET_TOOL_CALLS`, one with more than 128 with `PROVIDER_REPLY_TOO_LARGE`; none of them runs',
  },
} satisfies Section;

/** What a child may use if its task sets no limit; see {@link BUDGET_SETTINGS}. */
export const DefaultBudget = z.strictObject(sectionShape(BUDGET_SETTINGS));
export type DefaultBudget = z.infer<typeof DefaultBudget>;

/** The settings of `workspace`: how much a child may keep in its workspace. */
export const WORKSPACE_SETTINGS = {
  max_entries: {
    type: z.number().int().positive().max(100_000).default(10_000),
    meaning: 'files and folders of a [workspace](#workspaces) together, up to 100,000',
  },
  max_depth: { type: z.number().int().positive().max(200).default(32), meaning: 'names in one path, up to 200' },
  max_bytes: {
    type: bytes.max(1024 ** 4).default(1024 ** 3),
    unit: 'bytes',
    meaning: 'size of all its files, up to 1 TiB',
  },
} satisfies Section;

/** How much a child may keep in its workspace; see {@link WORKSPACE_SETTINGS}. */
export const WorkspaceLimits = z.strictObject(sectionShape(WORKSPACE_SETTINGS));
export type WorkspaceLimits = z.infer<typeof WorkspaceLimits>;

/** The limits that apply if nothing is configured. */
export const DEFAULT_LIMITS: Limits = Limits.parse({});

const MIN_TEXT_BYTES = 1024 * 1024;
/** The maximum length of a string in V8. */
const MAX_TEXT_BYTES = 512 * 1024 * 1024 - 1024;

/**
 * The maximum size of the file of a batch, or of `tasks` as a text: twice `max_batch_bytes`, because names of fields
 * and escapes add to the tasks, from 1 MiB up to 512 MiB.
 */
export function maxTextBytes({ max_batch_bytes }: Limits): number {
  return Math.min(Math.max(2 * max_batch_bytes, MIN_TEXT_BYTES), MAX_TEXT_BYTES);
}
