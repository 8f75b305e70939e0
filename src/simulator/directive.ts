import { z } from 'zod';

const Count = z.number().int().nonnegative();
const Ms = z.number().nonnegative().max(86_400_000);

/**
 * Directs the answer to one request. The steps of a script and `[[sim: …]]` in a prompt use the same fields. Every
 * field is optional and has a plain default.
 */
export const Directive = z.strictObject({
  /** The answer. */
  text: z.string().optional(),
  /** Length of the answer in tokens. A default answer gets this length; with `text`, only the reported usage does. */
  tokens: Count.max(1_000_000).optional(),
  /** Reasoning text, sent if the wire has a field for it. */
  reasoning: z.string().optional(),
  reasoning_tokens: Count.optional(),
  /** Reported input tokens, including tokens from the cache. */
  input_tokens: Count.optional(),
  cached_input_tokens: Count.optional(),
  /** Reported input tokens that were written to the cache. */
  cache_write_tokens: Count.optional(),
  /** The model that the answer names, if it should not be the requested model. */
  model: z.string().optional(),
  /** Why the answer ends early: its output limit, or a content filter. */
  stop: z.enum(['length', 'filter']).optional(),
  /** Refuses to answer. A string is the text of the refusal. */
  refusal: z.union([z.boolean(), z.string()]).optional(),

  /** Calls this tool instead of answering. */
  tool: z.string().min(1).optional(),
  /** Arguments of the tool call. A string is sent unchanged, so that it can be invalid JSON. */
  args: z.union([z.record(z.string(), z.json()), z.string()]).optional(),
  /** Joins the tool call before it in the same turn. */
  parallel: z.boolean().optional(),

  /** Wait before the answer begins. */
  latency_ms: Ms.optional(),
  /** Wait before each event of a stream. */
  delta_ms: Ms.optional(),

  /** Answers with this HTTP status and an error body in the vendor's form. */
  status: z.number().int().min(400).max(599).optional(),
  code: z.string().optional(),
  param: z.string().optional(),
  error_type: z.string().optional(),
  message: z.string().optional(),
  /** `retry-after` as written: seconds or an HTTP date. */
  retry_after: z.union([z.number(), z.string()]).optional(),
  /** `retry-after` as an HTTP date this far ahead. */
  retry_after_date_ms: Ms.optional(),
  /** `retry-after-ms`. */
  retry_after_ms: Ms.optional(),
  /** Repeats the key of the request in the error message; without an error, in the answer. */
  echo: z.literal('key').optional(),

  /** Stops and never continues: before the headers, right after them, or in the middle of the body. */
  hang: z.enum(['headers', 'body', 'stream']).optional(),
  /**
   * Ends the socket early: a reset before the headers, a reset in the body, or a clean end without a terminal event.
   */
  cut: z.enum(['headers', 'reset', 'clean']).optional(),
  /** Sends something that is not the protocol: invalid JSON, or a web page. */
  malformed: z.enum(['json', 'html']).optional(),
  /** Fails in the stream: an error event, or (Responses only) `response.failed`. Without a stream, answers 500. */
  fail: z.enum(['event', 'response']).optional(),
  /** How many deltas are sent before `hang`, `cut`, `malformed` or `fail`. @default 0 */
  after: Count.optional(),

  /** For how many requests it applies. @default every request in a prompt, 1 in a script */
  times: z.number().int().positive().optional(),
  /** In a prompt only: applies in this turn of the conversation, counted from 1. */
  turn: z.number().int().positive().optional(),
});
export type Directive = z.infer<typeof Directive>;

/** Tells whether the directive makes the request fail. */
export function isFault(directive: Directive): boolean {
  const { status, hang, cut, malformed, fail } = directive;
  return [status, hang, cut, malformed, fail].some((field) => field !== undefined);
}

/** Puts tool directives into turns. Each directive opens a turn; a `parallel` directive joins the turn before it. */
export function toTurns(tools: readonly Directive[]): Directive[][] {
  const turns: Directive[][] = [];
  for (const tool of tools) {
    const turn = turns.at(-1);
    if (tool.parallel && turn) turn.push(tool);
    else turns.push([tool]);
  }
  return turns;
}
