import { z } from 'zod';

const Count = z.number().int().nonnegative();
const Ms = z.number().nonnegative().max(86_400_000);

/**
 * What the simulator should do with one request: the one vocabulary of script steps and of `[[sim: …]]` in a prompt.
 * Every field is optional; what is not directed has a plain default.
 */
export const Directive = z.strictObject({
  /** The answer. */
  text: z.string().optional(),
  /** Length of the answer in tokens: a default answer is filled to it; with `text`, only the reported usage says it. */
  tokens: Count.max(1_000_000).optional(),
  /** Reasoning text, told where the wire has a place for it. */
  reasoning: z.string().optional(),
  reasoning_tokens: Count.optional(),
  /** Reported input tokens, with those from the cache included. */
  input_tokens: Count.optional(),
  cached_input_tokens: Count.optional(),
  /** Reported input tokens that went into the cache. */
  cache_write_tokens: Count.optional(),
  /** The model the answer claims to come from, where it should not be the one asked for. */
  model: z.string().optional(),
  /** Why the answer ends before its end: its output limit, or a content filter. */
  stop: z.enum(['length', 'filter']).optional(),
  /** Declines; a string is the refusal's own text. */
  refusal: z.union([z.boolean(), z.string()]).optional(),

  /** Calls this tool instead of answering. */
  tool: z.string().min(1).optional(),
  /** Arguments of the tool call; a string is sent as it is, so that it may be broken JSON. */
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
  /** `retry-after` as it is written: seconds or an HTTP date. */
  retry_after: z.union([z.number(), z.string()]).optional(),
  /** `retry-after` as an HTTP date this far ahead. */
  retry_after_date_ms: Ms.optional(),
  /** `retry-after-ms`. */
  retry_after_ms: Ms.optional(),
  /** Repeats the request's key in the error message, or in the answer where there is no error. */
  echo: z.literal('key').optional(),

  /** Stops for ever: before the headers, right after them, or in the midst of the body. */
  hang: z.enum(['headers', 'body', 'stream']).optional(),
  /** Ends the socket early: RST before the headers, RST in the body, or a clean end without a terminal event. */
  cut: z.enum(['headers', 'reset', 'clean']).optional(),
  /** Sends what is not the protocol: broken JSON, or a web page. */
  malformed: z.enum(['json', 'html']).optional(),
  /** Fails in the stream: an error event, or (Responses only) `response.failed`. Not streamed, it is a status 500. */
  fail: z.enum(['event', 'response']).optional(),
  /** How many deltas are sent before `hang`, `cut`, `malformed` or `fail`; 0 where absent. */
  after: Count.optional(),

  /** How many requests it holds for: in a prompt every one, in a script 1 where absent. */
  times: z.number().int().positive().optional(),
  /** In a prompt only: holds in this turn of the conversation, counted from 1. */
  turn: z.number().int().positive().optional(),
});
export type Directive = z.infer<typeof Directive>;

/** Tells whether the directive keeps the request from being answered as asked. */
export function isFault(directive: Directive): boolean {
  const { status, hang, cut, malformed, fail } = directive;
  return [status, hang, cut, malformed, fail].some((field) => field !== undefined);
}

/** Puts tool directives into turns: each opens a turn, but a `parallel` one joins the turn before it. */
export function toTurns(tools: readonly Directive[]): Directive[][] {
  const turns: Directive[][] = [];
  for (const tool of tools) {
    const turn = turns.at(-1);
    if (tool.parallel && turn) turn.push(tool);
    else turns.push([tool]);
  }
  return turns;
}
