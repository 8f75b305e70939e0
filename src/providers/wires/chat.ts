import type {
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions/completions';
import { eventStreamOf } from '../event-stream.ts';
import type { ToolDefinition, TurnRequest } from '../model.ts';
import type { CallIds } from './call-ids.ts';
import { ChatEcho } from './chat-echo.ts';
import { ChatReply } from './chat-reply.ts';
import { cacheKeyOf } from './openai-cache.ts';
import { createOpenAIClient } from './openai-client.ts';
import { type ConnectWire, type WireRoute, wireModel } from './wire.ts';

function toolOf({ name, description, parameters }: ToolDefinition): ChatCompletionTool {
  return { type: 'function', function: { name, description, parameters } };
}

function paramsOf(route: WireRoute, request: TurnRequest, ids: CallIds): ChatCompletionCreateParamsStreaming {
  const { provider, model, effort } = route;
  const system: ChatCompletionMessageParam[] =
    request.system === '' ? [] : [{ role: 'system', content: request.system }];
  return {
    model,
    messages: [...system, ...new ChatEcho(provider, model, ids).messagesOf(request.transcript)],
    stream: true,
    stream_options: { include_usage: true },
    [provider.max_tokens_field]: request.maxOutputTokens,
    ...cacheKeyOf(route),
    ...(request.tools.length > 0 && { tools: request.tools.map(toolOf) }),
    ...(effort !== null && { reasoning_effort: effort }),
  };
}

/** Connects to a provider of the wire OpenAI Chat Completions. `native` is the message of the assistant. */
export const connectChat: ConnectWire = (endpoint) => {
  const client = createOpenAIClient(endpoint);
  return (route) =>
    wireModel(route, {
      paramsOf,
      replyTo: (gathering) => new ChatReply(gathering),
      send: async (params, signal) =>
        eventStreamOf(route.provider, await client.chat.completions.create(params, { signal }).asResponse()),
    });
};
