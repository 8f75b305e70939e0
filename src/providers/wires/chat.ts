import type {
  ChatCompletionChunk,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions/completions';
import type { StopReason, ToolCall } from '../../contract/checkpoint.ts';
import type { Reply, Stage } from '../call.ts';
import { eventStreamOf } from '../event-stream.ts';
import { isRecord } from '../faults.ts';
import type { ToolDefinition, TranscriptEntry, TurnListeners, TurnRequest } from '../model.ts';
import type { BilledUsage } from '../prices.ts';
import { mergeDelta } from './chat-delta.ts';
import { createOpenAIClient } from './openai-client.ts';
import {
  billOf,
  type ConnectWire,
  fromNative,
  outputLimit,
  stopFor,
  type TurnBody,
  textual,
  tokens,
  toNative,
  type WireRoute,
  wireModel,
} from './wire.ts';

function messagesOf(entry: TranscriptEntry): ChatCompletionMessageParam[] {
  if (entry.role === 'user') return [{ role: 'user', content: entry.text }];
  if (entry.role === 'assistant') return [fromNative<ChatCompletionMessageParam>(entry.native)];
  return entry.results.map(({ call_id, text }) => ({ role: 'tool', tool_call_id: call_id, content: text }));
}

function toolOf({ name, description, parameters }: ToolDefinition): ChatCompletionTool {
  return { type: 'function', function: { name, description, parameters } };
}

function paramsOf({ profile, model, effort }: WireRoute, request: TurnRequest): ChatCompletionCreateParamsStreaming {
  const system: ChatCompletionMessageParam[] =
    request.system === '' ? [] : [{ role: 'system', content: request.system }];
  return {
    model,
    messages: [...system, ...request.transcript.flatMap(messagesOf)],
    stream: true,
    stream_options: { include_usage: true },
    [profile.max_tokens_field]: outputLimit(profile, request.maxOutputTokens),
    ...(request.tools.length > 0 && { tools: request.tools.map(toolOf) }),
    ...(effort !== null && { reasoning_effort: effort }),
  };
}

/** The assistant message as it grows: what is known of it, and whatever else the provider adds. */
type GrowingMessage = {
  role: 'assistant';
  /** A text, or a list of parts where the provider tells its thoughts apart (Mistral). */
  content: unknown;
  refusal?: string | null;
  tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: unknown } }[];
};

/** Why a turn ends, in the words of OpenAI and of the servers that speak its protocol. */
const STOP_REASONS: Readonly<Record<string, StopReason>> = {
  stop: 'answer',
  eos: 'answer',
  eos_token: 'answer',
  end_turn: 'answer',
  stop_sequence: 'answer',
  tool_calls: 'tools',
  function_call: 'tools',
  length: 'length',
  max_tokens: 'length',
  content_filter: 'refusal',
};

/** The text in a piece of content: the piece itself, or those of its parts that are text. */
function textIn(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: unknown) => (isRecord(part) && part.type === 'text' ? textual(part.text) : '')).join('');
}

/** Gathers the deltas of the one choice asked for. */
class ChatReply implements Reply<ChatCompletionChunk> {
  readonly #options: WireRoute;
  readonly #listeners: TurnListeners;
  readonly #message: GrowingMessage = { role: 'assistant', content: null };
  #text = '';
  #finish: string | undefined;
  #hasDelta = false;
  #hasEnded = false;
  #told: ChatCompletionChunk['usage'];

  constructor(options: WireRoute, listeners: TurnListeners) {
    this.#options = options;
    this.#listeners = listeners;
  }

  get stage(): Stage {
    if (this.#hasEnded) return 'ended';
    return this.#finish === undefined ? 'open' : 'finished';
  }

  /** Some servers give no reason for the end of a turn. A stream without a single delta is no turn, whatever ends it. */
  takeDone(): void {
    if (this.#finish === undefined && this.#hasDelta) this.#finish = 'stop';
    this.#hasEnded = this.#finish !== undefined;
  }

  take(chunk: ChatCompletionChunk): void {
    if (chunk.usage) {
      this.#told = chunk.usage;
      this.#listeners.onUsage?.(billOf(this.#options, this.#usage()).usage);
    }
    const choice = chunk.choices?.[0];
    if (!choice) return;
    if (choice.delta) mergeDelta(this.#message, { ...choice.delta });
    this.#hasDelta ||= choice.delta !== undefined;
    const piece = textIn(choice.delta?.content);
    this.#text += piece;
    if (piece !== '') this.#listeners.onText?.(piece);
    if (choice.finish_reason) this.#finish = choice.finish_reason;
  }

  turn(): TurnBody {
    const message = this.#message;
    const calls = (message.tool_calls ?? []).map(({ index: _, ...call }) => call);
    const toolCalls = calls.map(
      (call): ToolCall => ({
        id: textual(call.id),
        name: textual(call.function?.name),
        arguments: textual(call.function?.arguments),
      }),
    );
    return {
      native: toNative(calls.length > 0 ? { ...message, tool_calls: calls } : message),
      text: this.#text,
      tool_calls: toolCalls,
      stop: this.#stop(toolCalls),
      ...billOf(this.#options, this.#usage()),
    };
  }

  #stop(calls: ToolCall[]): StopReason {
    const stop = stopFor(this.#options, STOP_REASONS, this.#finish, calls);
    return this.#message.refusal ? 'refusal' : stop;
  }

  #usage(): BilledUsage | null {
    const told = this.#told;
    if (!told) return null;
    return {
      input_tokens: tokens(told.prompt_tokens),
      cached_input_tokens: tokens(told.prompt_tokens_details?.cached_tokens),
      cache_write_tokens: tokens(told.prompt_tokens_details?.cache_write_tokens),
      // xAI tells of reasoning in the total alone.
      output_tokens: Math.max(tokens(told.completion_tokens), tokens(told.total_tokens) - tokens(told.prompt_tokens)),
      reasoning_tokens: tokens(told.completion_tokens_details?.reasoning_tokens),
    };
  }
}

/** Connects to a provider that is spoken to through OpenAI Chat Completions. `native` is the assistant message. */
export const connectChat: ConnectWire = (endpoint) => {
  const client = createOpenAIClient(endpoint);
  return (route) =>
    wireModel(route, {
      paramsOf,
      replyTo: (_, request) => new ChatReply(route, request),
      send: async (params, signal) =>
        eventStreamOf(route.profile, await client.chat.completions.create(params, { signal }).asResponse()),
    });
};
