import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { Wire } from '../../src/contract/route.ts';
import type { Usage } from '../../src/contract/usage.ts';

/** What a test asks of a model: a prompt, the tool rounds so far, an effort, a signal. */
export type Asked = {
  prompt: string;
  rounds?: { native: unknown; results: { id: string; text: string }[] }[];
  effort?: 'low' | 'high';
  maxTokens?: number;
  signal?: AbortSignal;
};

/** What came back, the same for all wires. `native` is the assistant's turn in the form the wire wants it back. */
export type Answered = {
  text: string;
  tools: { id: string; name: string; args: unknown }[];
  usage: Usage;
  stop: string | null | undefined;
  model: string;
  native: unknown;
};

export type WireClient = {
  wire: Wire;
  /** One answer, not streamed. */
  create(asked: Asked): Promise<Answered>;
  /** One answer, put together by the streaming helper of the SDK. */
  stream(asked: Asked): Promise<Answered>;
  /** The raw events of a stream. */
  events(asked: Asked): Promise<AsyncIterable<unknown>>;
};

const KEY = 'sk-sim-key-123456';
const MODEL = 'model-a';

const SCHEMA = { type: 'object' as const, properties: { path: { type: 'string' }, content: { type: 'string' } } };

function optionsOf({ signal }: Asked) {
  return signal ? { signal } : {};
}

function chatClient(url: string): WireClient {
  const client = new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0, organization: null, project: null });
  const params = ({ prompt, rounds = [], effort, maxTokens }: Asked) => ({
    model: MODEL,
    messages: [
      { role: 'user', content: prompt },
      ...rounds.flatMap(({ native, results }) => [
        native,
        ...results.map(({ id, text }) => ({ role: 'tool', tool_call_id: id, content: text })),
      ]),
    ] as OpenAI.ChatCompletionMessageParam[],
    tools: [{ type: 'function' as const, function: { name: 'write_file', parameters: SCHEMA } }],
    ...(effort && { reasoning_effort: effort }),
    ...(maxTokens && { max_completion_tokens: maxTokens }),
  });
  const streamed = { stream_options: { include_usage: true } };
  const normalise = ({ choices, usage, model }: OpenAI.ChatCompletion): Answered => {
    const { message, finish_reason } = choices[0] ?? {};
    return {
      text: message?.content || message?.refusal || '',
      tools: (message?.tool_calls ?? []).flatMap((call) =>
        call.type === 'function'
          ? [{ id: call.id, name: call.function.name, args: JSON.parse(call.function.arguments) }]
          : [],
      ),
      usage: {
        input_tokens: usage?.prompt_tokens ?? -1,
        cached_input_tokens: usage?.prompt_tokens_details?.cached_tokens ?? -1,
        output_tokens: usage?.completion_tokens ?? -1,
        reasoning_tokens: usage?.completion_tokens_details?.reasoning_tokens ?? -1,
      },
      stop: finish_reason,
      model,
      native: message,
    };
  };
  return {
    wire: 'chat',
    create: async (asked) => normalise(await client.chat.completions.create(params(asked), optionsOf(asked))),
    stream: async (asked) =>
      normalise(
        await client.chat.completions.stream({ ...params(asked), ...streamed }, optionsOf(asked)).finalChatCompletion(),
      ),
    events: (asked) =>
      client.chat.completions.create({ ...params(asked), ...streamed, stream: true }, optionsOf(asked)),
  };
}

function responsesClient(url: string): WireClient {
  const client = new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0, organization: null, project: null });
  const params = ({ prompt, rounds = [], effort, maxTokens }: Asked) => ({
    model: MODEL,
    store: false,
    input: [
      { role: 'user', content: prompt },
      ...rounds.flatMap(({ native, results }) => [
        ...(native as unknown[]),
        ...results.map(({ id, text }) => ({ type: 'function_call_output', call_id: id, output: text })),
      ]),
    ] as OpenAI.Responses.ResponseInputItem[],
    tools: [{ type: 'function' as const, name: 'write_file', parameters: SCHEMA, strict: false }],
    ...(effort && { reasoning: { effort } }),
    ...(maxTokens && { max_output_tokens: maxTokens }),
  });
  const normalise = ({ output, usage, status, incomplete_details, model }: OpenAI.Responses.Response): Answered => ({
    text: output
      .flatMap((item) => (item.type === 'message' ? item.content : []))
      .map((part) => (part.type === 'output_text' ? part.text : part.refusal))
      .join(''),
    tools: output.flatMap((item) =>
      item.type === 'function_call' ? [{ id: item.call_id, name: item.name, args: JSON.parse(item.arguments) }] : [],
    ),
    usage: {
      input_tokens: usage?.input_tokens ?? -1,
      cached_input_tokens: usage?.input_tokens_details.cached_tokens ?? -1,
      output_tokens: usage?.output_tokens ?? -1,
      reasoning_tokens: usage?.output_tokens_details.reasoning_tokens ?? -1,
    },
    stop: incomplete_details?.reason ?? status,
    model,
    native: output,
  });
  return {
    wire: 'responses',
    create: async (asked) => normalise(await client.responses.create(params(asked), optionsOf(asked))),
    stream: async (asked) => normalise(await client.responses.stream(params(asked), optionsOf(asked)).finalResponse()),
    events: (asked) => client.responses.create({ ...params(asked), stream: true }, optionsOf(asked)),
  };
}

function messagesClient(url: string): WireClient {
  const client = new Anthropic({ apiKey: KEY, baseURL: url, maxRetries: 0, openTelemetry: false });
  const params = ({ prompt, rounds = [], effort, maxTokens = 1000 }: Asked) => ({
    model: MODEL,
    max_tokens: maxTokens,
    messages: [
      { role: 'user', content: prompt },
      ...rounds.flatMap(({ native, results }) => [
        { role: 'assistant', content: native },
        {
          role: 'user',
          content: results.map(({ id, text }) => ({ type: 'tool_result', tool_use_id: id, content: text })),
        },
      ]),
    ] as Anthropic.MessageParam[],
    tools: [{ name: 'write_file', input_schema: SCHEMA }],
    ...(effort && { output_config: { effort } }),
  });
  const normalise = ({ content, usage, stop_reason, model }: Anthropic.Message): Answered => ({
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    tools: content.flatMap((block) =>
      block.type === 'tool_use' ? [{ id: block.id, name: block.name, args: block.input }] : [],
    ),
    usage: {
      input_tokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
      cached_input_tokens: usage.cache_read_input_tokens ?? -1,
      output_tokens: usage.output_tokens,
      reasoning_tokens: usage.output_tokens_details?.thinking_tokens ?? -1,
    },
    stop: stop_reason,
    model,
    native: content,
  });
  return {
    wire: 'messages',
    create: async (asked) => normalise(await client.messages.create(params(asked), optionsOf(asked))),
    stream: async (asked) => normalise(await client.messages.stream(params(asked), optionsOf(asked)).finalMessage()),
    events: (asked) => client.messages.create({ ...params(asked), stream: true }, optionsOf(asked)),
  };
}

const CLIENTS = { responses: responsesClient, chat: chatClient, messages: messagesClient };

/** The SDK client of one wire, pointed at a simulator. */
export function clientFor(wire: Wire, url: string): WireClient {
  return CLIENTS[wire](url);
}

/** Key and model of every request a {@link WireClient} makes. */
export const SENT = { key: KEY, model: MODEL };
