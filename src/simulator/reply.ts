import { cut, piecesOf } from '../base/text.ts';
import type { ToolCall } from '../contract/checkpoint.ts';
import type { Usage } from '../contract/usage.ts';
import type { Directive } from './directive.ts';
import type { ModelCall } from './model-call.ts';
import type { Play } from './playbook.ts';
import type { CacheUse } from './prompt-cache.ts';

/** Why an answer ends. */
export type Stop = 'answer' | 'tools' | 'length' | 'filter' | 'refusal';

/** The answer before it gets the form of a wire. */
export type Reply = {
  /** Unique within one simulator. The wires build their ids from it. */
  id: string;
  model: string;
  createdAtMs: number;
  /** `null` if the model did not think; empty if it thought without showing its thoughts. */
  reasoning: string | null;
  /** The answer, or the refusal if `stop` is `refusal`, in the pieces that a stream sends. */
  pieces: string[];
  toolCalls: ToolCall[];
  usage: Usage & { cache_write_tokens: number };
  stop: Stop;
};

const CHARACTERS_PER_TOKEN = 4;
const QUESTION_SHOWN = 60;
const REFUSAL = "I can't help with that.";

/** The tokens that a simulated model thinks at each effort. Without an effort in the request, it does not think. */
const REASONING_TOKENS: Record<string, number> = { minimal: 8, low: 32, medium: 64, high: 128, xhigh: 256, max: 512 };

/** The tokens of thought for `thinking`, which names no amount. */
const THINKING_TOKENS = 64;

function tokensOf(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

/** Cuts text into pieces of one token, as a stream sends them. The joined pieces are the text. */
export function toPieces(text: string): string[] {
  return piecesOf(text, CHARACTERS_PER_TOKEN);
}

function reasoningTokens({ effort }: ModelCall): number {
  for (const [field, level] of Object.entries(effort)) {
    if (field !== 'thinking') return REASONING_TOKENS[String(level)] ?? 0;
  }
  return 'thinking' in effort && !JSON.stringify(effort.thinking).includes('"disabled"') ? THINKING_TOKENS : 0;
}

function fill(text: string, tokens: number): string {
  const length = tokens * CHARACTERS_PER_TOKEN;
  return cut(`${text} `.repeat(Math.ceil(length / (text.length + 1))), length);
}

function fullText({ directive, question, tools }: Play, key: string | null): string {
  const { text, refusal, tokens } = directive;
  const echoed = directive.echo === 'key' ? ` ${key}` : '';
  if (refusal) return (refusal === true ? REFUSAL : refusal) + echoed;
  if (tools.length > 0) return (text ?? '') + echoed;
  const answer = text ?? `Simulated answer to: ${cut(question, QUESTION_SHOWN)}`;
  return (tokens !== undefined && text === undefined ? fill(answer, tokens) : answer) + echoed;
}

function toToolCall({ tool = '', args = {} }: Directive, id: string): ToolCall {
  return { id, name: tool, arguments: typeof args === 'string' ? args : JSON.stringify(args) };
}

function stopOf({ directive, tools }: Play, isCut: boolean): Stop {
  if (directive.refusal) return 'refusal';
  if (directive.stop || isCut) return directive.stop ?? 'length';
  return tools.length > 0 ? 'tools' : 'answer';
}

/**
 * Composes the answer to a call. A token is four characters: of the request body for the input, of the answer for the
 * output. `cache` tells which part of the input was cached, unless the directive does. An answer longer than the output limit of the request is cut there and ends with `length`.
 */
export function composeReply(call: ModelCall, play: Play, id: string, cache: CacheUse): Reply {
  const { directive } = play;
  const limit = call.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const thought = directive.reasoning_tokens ?? Math.min(reasoningTokens(call), Math.floor(limit / 2));
  const whole = fullText(play, call.key);
  const text = cut(whole, Math.max(0, limit - thought) * CHARACTERS_PER_TOKEN);
  const toolCalls = directive.refusal ? [] : play.tools.map((tool, index) => toToolCall(tool, `call_${id}_${index}`));
  const said = tokensOf(
    text.length + toolCalls.reduce((sum, { name, arguments: args }) => sum + name.length + args.length, 0),
  );
  return {
    id,
    model: directive.model ?? call.model,
    createdAtMs: Date.now(),
    reasoning: directive.reasoning ?? (thought > 0 ? '' : null),
    pieces: toPieces(text),
    toolCalls,
    usage: {
      ...inputUsage(directive, call, cache),
      output_tokens: thought + (directive.tokens ?? said),
      reasoning_tokens: thought,
    },
    stop: stopOf(play, text.length < whole.length),
  };
}

/** The tokens of the input. What the cache read and wrote is a part of them, also if a directive states fewer. */
function inputUsage(
  directive: Directive,
  call: ModelCall,
  cache: CacheUse,
): Omit<Reply['usage'], 'output_tokens' | 'reasoning_tokens'> {
  const input = directive.input_tokens ?? tokensOf(call.characters);
  const read = directive.cached_input_tokens ?? Math.min(cache.read, input);
  const written = directive.cache_write_tokens ?? Math.max(0, Math.min(cache.written, input - read));
  return { input_tokens: input, cached_input_tokens: read, cache_write_tokens: written };
}
