import { z } from 'zod';
import { isJsonValue } from './plain-json.ts';
import { ProviderName } from './route.ts';
import { stored } from './stored.ts';
import { ToolImage } from './tool-image.ts';
import { addCost, addUsage, Cost, NO_USAGE, Usage } from './usage.ts';

/** A tool call of the model. `arguments` is the JSON text as the model wrote it; it may not parse. */
export const ToolCall = stored({ id: z.string(), name: z.string(), arguments: z.string() });
export type ToolCall = z.infer<typeof ToolCall>;

/** The result of a tool call. An error is a result too: the model reads it and continues. */
export const ToolResult = stored({
  call_id: z.string(),
  text: z.string(),
  is_error: z.boolean(),
  images: z.array(ToolImage).optional(),
});
export type ToolResult = z.infer<typeof ToolResult>;

/**
 * Why a model stopped: it gave its answer, wants tools, reached its output limit, or declined.
 */
export const StopReason = z.enum(['answer', 'tools', 'length', 'refusal']);
export type StopReason = z.infer<typeof StopReason>;

/** One completed model call. `native` is the provider's own JSON; the next turn sends it to the provider again. */
export const Turn = stored({
  native: z.custom<z.core.util.JSONType>(isJsonValue, 'expected JSON'),
  text: z.string(),
  tool_calls: z.array(ToolCall),
  stop: StopReason,
  usage: Usage,
  cost_usd: Cost,
  request_id: z.string().optional(),
});
export type Turn = z.infer<typeof Turn>;

/**
 * The record of one model call, so that the call is never paid for again.
 *
 * `tool_results` answer the tool calls of the previous checkpoint. They are part of this one because this call sent
 * them.
 */
export const Checkpoint = stored({
  version: z.literal(1),
  turn: z.number().int().positive(),
  tool_results: z.array(ToolResult),
  reply: Turn,
});
export type Checkpoint = z.infer<typeof Checkpoint>;

/**
 * The id of a response. It becomes part of a URL, so `/`, `?`, `%` and an id of dots alone are refused. Providers use
 * letters, digits, `_` and `-`; proxies add the characters of base64.
 */
export const ResponseId = z.string().regex(/^(?!\.+$)[\w.:=+-]{1,512}$/, 'expected the id of a response');

/**
 * A background response of the provider for a turn that is not recorded yet. `epoch` is the attempt that requested it.
 * A later attempt continues with this response instead of repeating the request.
 */
export const BackgroundResponse = stored({
  turn: z.number().int().positive(),
  provider: ProviderName,
  id: ResponseId,
  epoch: z.number().int().positive(),
});
export type BackgroundResponse = z.infer<typeof BackgroundResponse>;

/** The total use of a task over its recorded turns. */
export type Tally = { turns: number; tool_calls: number; usage: Usage; cost_usd: Cost };

/** Sums up recorded turns. */
export function tallyOf(checkpoints: readonly Checkpoint[]): Tally {
  const tally: Tally = { turns: checkpoints.length, tool_calls: 0, usage: NO_USAGE, cost_usd: 0 };
  for (const { reply } of checkpoints) {
    tally.tool_calls += reply.tool_calls.length;
    tally.usage = addUsage(tally.usage, reply.usage);
    tally.cost_usd = addCost(tally.cost_usd, reply.cost_usd);
  }
  return tally;
}
