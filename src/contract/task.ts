import { z } from 'zod';
import { isWithin } from './bounded-json.ts';
import { contract } from './fits.ts';
import { Needs } from './needs.ts';
import { ResolvedRoute, RouteRequest } from './route.ts';
import { inWords, problemTexts } from './schema-words.ts';
import { stored } from './stored.ts';
import { StoredToolPolicy, ToolPolicy } from './tool-policy.ts';

/** The name of a toolset that a program defines. */
export const OwnToolsetName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,39}$/, 'expected a toolset name: lower-case letters, digits, "-" and "_", at most 40');

/**
 * The name of a toolset for a child: the name of a toolset, or `mcp:` and the name of an MCP server. The workers decide
 * which toolsets exist.
 */
export const ToolsetName = z
  .string()
  .regex(
    /^(mcp:)?[a-z][a-z0-9_-]{0,39}$/,
    'expected a toolset name: lower-case letters, digits, "-" and "_", at most 40, after "mcp:" for an MCP server',
  );

/** Returns whether a toolset name names an MCP server. */
export function isMcpToolset(name: string): boolean {
  return name.startsWith('mcp:');
}

const Seconds = z.number().positive().max(86_400);

/**
 * The maximum that a child may use. If `turns`, `tokens` or `seconds` is absent, the `budget` of the deployment
 * applies. The other fields can lower its `watchdogs` and the timeouts of the provider, but not raise them.
 */
export const Budget = z.strictObject({
  /** Maximum number of model calls. The task then ends with `BUDGET_TURNS`. */
  turns: z.number().int().min(1).max(10_000).optional(),
  /** Maximum of input and output tokens over all turns. The task then ends with `BUDGET_TOKENS`. */
  tokens: z.number().int().min(1).optional(),
  /**
   * Maximum seconds that the attempts run together; waiting is not counted. The task then ends with `BUDGET_SECONDS`.
   */
  seconds: Seconds.optional(),
  /** From the response headers of a model call to its first event; else `PROVIDER_FIRST_TOKEN_TIMED_OUT`. */
  first_token_seconds: Seconds.optional(),
  /** Between two events of a model call; else `PROVIDER_STREAM_STALLED`. */
  idle_seconds: Seconds.optional(),
  /** One model call; else `PROVIDER_TURN_TIMED_OUT`. */
  turn_seconds: Seconds.optional(),
  /**
   * One tool call; the model reads that it took too long. A tool that does not stop ends the attempt with
   * `CHILD_TOOL_TIMED_OUT`.
   */
  tool_seconds: Seconds.optional(),
  /** Turns in a row with the same tool calls and the same results. The task then ends with `CHILD_NO_PROGRESS`. */
  turns_without_progress: z.number().int().min(2).optional(),
});
export type Budget = z.infer<typeof Budget>;

/** Free data of the producer, returned with the outcome and shown in the board. */
export const Metadata = contract(z.record(z.string().max(200), z.json()));
export type Metadata = z.infer<typeof Metadata>;

/** One task, as a producer writes it. */
export const TaskSpec = z.strictObject({
  /** What the task must do. It must not be blank. */
  goal: z
    .string({ error: (issue) => (issue.input === undefined ? 'is missing; every task needs a goal' : undefined) })
    .refine((goal) => goal.trim() !== '', 'expected a goal, got blank text'),
  /** How the task must be done, beside the system prompt: a role, a tone, the form of the answer. */
  instructions: z
    .string()
    .refine((text) => text.trim() !== '', 'expected instructions, got blank text')
    .optional(),
  /** Background of this task. */
  context: z.string().optional(),
  ...RouteRequest.shape,
  /**
   * Names of the toolsets that the model can call: `workspace`, `shell`, `http`, `mcp:` with the name of a server, and
   * the toolsets of your own. Workers have all but `workspace` only if they are configured.
   */
  toolsets: z.array(ToolsetName).max(16).optional(),
  /**
   * Tools that the model must not call: names of tools, or patterns with `*`, with `allow` or `deny`. The most specific
   * one counts. A task cannot allow what the deployment denies.
   */
  tool_policy: ToolPolicy.optional(),
  /** What the task may use. */
  budget: Budget.optional(),
  /** Free JSON, returned in the events and the outcome of the task. */
  metadata: Metadata.optional(),
});
export type TaskSpec = z.infer<typeof TaskSpec>;

const { provider: _, model: __, reasoning_effort: ___, ...ownFields } = TaskSpec.shape;

/**
 * The data of a task job: everything that a worker needs except the shared context, which is stored once with the
 * batch. The producer writes it, and it never changes.
 */
export const TaskJob = stored({
  version: z.literal(1),
  needs: Needs,
  batch_id: z.string(),
  index: z.number().int().nonnegative(),
  task: stored({
    ...ownFields,
    tool_policy: StoredToolPolicy.optional(),
    budget: stored(Budget.shape).optional(),
  }),
  route: ResolvedRoute,
});
export type TaskJob = z.infer<typeof TaskJob>;

/** A task job that was read, or the reason why it cannot be read. */
export type TaskJobReading = { status: 'read'; job: TaskJob } | { status: 'unreadable'; problem: string };

/** Reads the data of a task job. Checks its size first: for huge data a schema takes seconds or overflows the stack. */
export function readTaskJob(data: unknown): TaskJobReading {
  if (!isWithin(data))
    return { status: 'unreadable', problem: 'it is larger or nested deeper than any producer writes' };
  if (TaskJob.fits(data)) return { status: 'read', job: data as TaskJob };
  const parsed = TaskJob.safeParse(data, inWords('field'));
  return parsed.success
    ? { status: 'read', job: parsed.data }
    : { status: 'unreadable', problem: problemTexts(parsed.error.issues, 'the job')[0] ?? 'unknown problem' };
}

/**
 * A task whose job waits in a lane and can be woken: it waits for a free place, or for the time of its next attempt.
 */
export type Wake = { taskId: string; provider: string };
