import type {
  ChatCompletionChunk,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions/completions';
import type { StopReason, ToolCall } from '../../contract/checkpoint.ts';
import type { Reply } from '../call.ts';
import { eventStreamOf } from '../event-stream.ts';
import type { ToolDefinition, TranscriptEntry, TurnRequest } from '../model.ts';
import type { BilledUsage } from '../prices.ts';
import { mergeDelta } from './chat-delta.ts';
import { createOpenAIClient } from './openai-client.ts';
import {
  billOf,
  type ConnectWire,
  fromNative,
  outputLimit,
  type TurnBody,
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
  content: string | null;
  refusal?: string | null;
  tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[];
};

/** Gathers the deltas of the one choice asked for. */
class ChatReply implements Reply<ChatCompletionChunk> {
  readonly #options: WireRoute;
  readonly #onText: TurnRequest['onText'];
  readonly #message: GrowingMessage = { role: 'assistant', content: null };
  #finish: string | undefined;
  #told: ChatCompletionChunk['usage'];

  constructor(options: WireRoute, onText: TurnRequest['onText']) {
    this.#options = options;
    this.#onText = onText;
  }

  get isComplete(): boolean {
    return this.#finish !== undefined;
  }

  take(chunk: ChatCompletionChunk): void {
    this.#told = chunk.usage ?? this.#told;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    if (choice.delta) mergeDelta(this.#message, { ...choice.delta });
    if (choice.delta?.content) this.#onText?.(choice.delta.content);
    if (choice.finish_reason) this.#finish = choice.finish_reason;
  }

  turn(): TurnBody {
    const message = this.#message;
    const calls = (message.tool_calls ?? []).map(({ index: _, ...call }) => call);
    const toolCalls = calls.map(
      (call): ToolCall => ({
        id: call.id ?? '',
        name: call.function?.name ?? '',
        arguments: call.function?.arguments ?? '',
      }),
    );
    return {
      native: toNative(calls.length > 0 ? { ...message, tool_calls: calls } : message),
      text: message.content ?? '',
      tool_calls: toolCalls,
      stop: this.#stop(toolCalls),
      ...billOf(this.#options, this.#usage()),
    };
  }

  /** Some servers finish a turn with tool calls as `stop`, so the calls decide. */
  #stop(calls: ToolCall[]): StopReason {
    if (this.#finish === 'content_filter' || this.#message.refusal) return 'refusal';
    if (this.#finish === 'length') return 'length';
    return calls.length > 0 ? 'tools' : 'answer';
  }

  #usage(): BilledUsage | null {
    const told = this.#told;
    if (!told) return null;
    return {
      input_tokens: tokens(told.prompt_tokens),
      cached_input_tokens: tokens(told.prompt_tokens_details?.cached_tokens),
      cache_write_tokens: tokens(told.prompt_tokens_details?.cache_write_tokens),
      output_tokens: tokens(told.completion_tokens),
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
      replyTo: (_, { onText }) => new ChatReply(route, onText),
      send: async (params, signal) =>
        eventStreamOf(route.profile, await client.chat.completions.create(params, { signal }).asResponse()),
    });
};
