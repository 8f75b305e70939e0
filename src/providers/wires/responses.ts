import type {
  FunctionTool,
  Response as OpenAIResponse,
  ResponseCreateParamsStreaming,
  ResponseIncludable,
  ResponseInputItem,
  ResponseOutputItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses';
import type { StopReason, ToolCall } from '../../contract/checkpoint.ts';
import { ErrandError } from '../../errors.ts';
import type { Reply, Stage } from '../call.ts';
import { levelsOf } from '../effort-levels.ts';
import { eventStreamOf } from '../event-stream.ts';
import type { ToolDefinition, TranscriptEntry, TurnRequest } from '../model.ts';
import type { BilledUsage } from '../prices.ts';
import { inBackground } from './background.ts';
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

function inputOf(entry: TranscriptEntry): ResponseInputItem[] {
  if (entry.role === 'user') return [{ role: 'user', content: entry.text }];
  if (entry.role === 'assistant') return fromNative<ResponseInputItem[]>(entry.native);
  return entry.results.map(({ call_id, text }) => ({ type: 'function_call_output', call_id, output: text }));
}

function toolOf({ name, description, parameters }: ToolDefinition): FunctionTool {
  return { type: 'function', name, description, parameters, strict: false };
}

/** The least output that OpenAI takes a request for. */
const LEAST_OUTPUT_TOKENS = 16;

/** What is to come with a response. Of a model that does not reason, OpenAI refuses to tell the reasoning. */
function includeOf({ profile, model }: WireRoute): ResponseIncludable[] {
  return levelsOf(profile, model).length > 0 ? ['reasoning.encrypted_content'] : [];
}

/**
 * Reasoning comes back encrypted and is sent again with the next turn; the provider stores only what it does in the
 * background.
 *
 * @throws ErrandError `BUDGET_TOKENS` where fewer tokens are left than the provider takes a request for.
 */
function paramsOf(route: WireRoute, request: TurnRequest): ResponseCreateParamsStreaming {
  const { profile, model, effort } = route;
  const maxTokens = outputLimit(profile, request.maxOutputTokens);
  if (maxTokens < LEAST_OUTPUT_TOKENS) {
    throw new ErrandError('BUDGET_TOKENS', `A turn needs ${LEAST_OUTPUT_TOKENS} tokens; ${maxTokens} are left.`);
  }
  return {
    model,
    input: request.transcript.flatMap(inputOf),
    max_output_tokens: maxTokens,
    stream: true,
    store: profile.background,
    ...(profile.background && { background: true, metadata: request.background?.mark ?? null }),
    include: includeOf(route),
    ...(request.system !== '' && { instructions: request.system }),
    ...(request.tools.length > 0 && { tools: request.tools.map(toolOf) }),
    ...(effort !== null && { reasoning: { effort } }),
  };
}

/** Gathers output items as each is done; some endpoints leave them out of the terminal event. */
class ResponsesReply implements Reply<ResponseStreamEvent> {
  readonly #options: WireRoute;
  readonly #onText: TurnRequest['onText'];
  readonly #items: ResponseOutputItem[] = [];
  #end: OpenAIResponse | undefined;

  constructor(options: WireRoute, onText: TurnRequest['onText']) {
    this.#options = options;
    this.#onText = onText;
  }

  get stage(): Stage {
    return this.#end === undefined ? 'open' : 'ended';
  }

  /** The terminal event holds the state and the usage of the response: without it there is no turn. */
  takeDone(): void {}

  take(event: ResponseStreamEvent): void {
    if (event.type === 'response.output_text.delta') this.#onText?.(event.delta);
    else if (event.type === 'response.output_item.done') this.#items[event.output_index] = event.item;
    else if (event.type === 'response.completed' || event.type === 'response.incomplete') this.#end = event.response;
  }

  turn(): TurnBody {
    const gathered = this.#items.filter((item) => item !== undefined);
    const items = gathered.length > 0 ? gathered : (this.#end?.output ?? []);
    const parts = items.flatMap((item) => (item.type === 'message' ? item.content : []));
    const calls = items.flatMap((item): ToolCall[] =>
      item.type === 'function_call' ? [{ id: item.call_id, name: item.name, arguments: item.arguments }] : [],
    );
    return {
      native: toNative(items),
      text: parts.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
      tool_calls: calls,
      stop: this.#stop(
        calls,
        parts.some((part) => part.type === 'refusal'),
      ),
      ...billOf(this.#options, this.#usage()),
    };
  }

  #stop(calls: ToolCall[], hasRefused: boolean): StopReason {
    const reason = this.#end?.incomplete_details?.reason;
    if (hasRefused || reason === 'content_filter') return 'refusal';
    if (this.#end?.status === 'incomplete') return 'length';
    return calls.length > 0 ? 'tools' : 'answer';
  }

  #usage(): BilledUsage | null {
    const told = this.#end?.usage;
    if (!told) return null;
    return {
      input_tokens: tokens(told.input_tokens),
      cached_input_tokens: tokens(told.input_tokens_details?.cached_tokens),
      cache_write_tokens: tokens(told.input_tokens_details?.cache_write_tokens),
      output_tokens: tokens(told.output_tokens),
      reasoning_tokens: tokens(told.output_tokens_details?.reasoning_tokens),
    };
  }
}

/** Connects to a provider that is spoken to through OpenAI Responses. `native` is the list of output items. */
export const connectResponses: ConnectWire = (endpoint) => {
  const client = createOpenAIClient(endpoint);
  return (route) =>
    wireModel(route, {
      paramsOf,
      replyTo: (_, { onText }) => new ResponsesReply(route, onText),
      send: (params, signal, { background }) => {
        const { profile } = route;
        const ask = async () =>
          eventStreamOf<ResponseStreamEvent>(profile, await client.responses.create(params, { signal }).asResponse());
        if (!profile.background || !background) return ask();
        return inBackground({ profile, client, include: includeOf(route) }, ask, background, signal);
      },
    });
};
