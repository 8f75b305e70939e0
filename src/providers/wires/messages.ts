import Anthropic from '@anthropic-ai/sdk';
import type {
  ContentBlockParam,
  MessageCreateParamsStreaming,
  MessageParam,
  Tool,
} from '@anthropic-ai/sdk/resources/messages/messages';
import { eventStreamOf } from '../event-stream.ts';
import { KEY_HELD_BY_FETCH } from '../fetch.ts';
import type { ToolDefinition, TurnRequest } from '../model.ts';
import { sendingBare } from './bare-request.ts';
import type { CallIds } from './call-ids.ts';
import { CACHED, MessagesEcho } from './messages-echo.ts';
import { MessagesReply } from './messages-reply.ts';
import { isClaude, thinkingFor } from './thinking.ts';
import { type ConnectWire, type Endpoint, type WireRoute, wireModel } from './wire.ts';

/**
 * Makes an Anthropic client that reads nothing from the environment. It gets one credential, so that it does not search
 * variables, profiles and federation for another one, and it writes no traces. No header of the SDK is sent
 * (`ANTHROPIC_CUSTOM_HEADERS`).
 */
function createAnthropicClient({ provider, fetch }: Endpoint): Anthropic {
  const client = new Anthropic({
    apiKey: KEY_HELD_BY_FETCH,
    authToken: null,
    webhookKey: null,
    baseURL: provider.base_url,
    fetch,
    maxRetries: 0,
    timeout: provider.timeouts.turn_ms + 1_000,
    logLevel: 'off',
    openTelemetry: false,
  });
  return sendingBare(client, fetch);
}

function toolOf({ name, description, parameters }: ToolDefinition): Tool {
  return { name, description, input_schema: { ...parameters, type: 'object' } };
}

type Cached = Pick<MessageCreateParamsStreaming, 'system' | 'messages' | 'cache_control'>;

/**
 * The system prompt, the messages and the marks of the cache. With tools, the tools and the system prompt are cached for
 * all tasks, and the conversation so far for the next turn. Without tools there is no next turn, and a cache write only
 * costs more. With the mark of a shared part there are four marks at most.
 */
function cachedFor(model: string, { system, tools }: TurnRequest, messages: MessageParam[]): Cached {
  const isCached = tools.length > 0 && isClaude(model);
  return {
    ...(system !== '' && { system: isCached ? [{ type: 'text', text: system, ...CACHED }] : system }),
    messages: isCached ? readingLastTurn(messages) : messages,
    ...(isCached && CACHED),
  };
}

/**
 * Marks the end of the request of the last turn, which wrote the cache there. Anthropic finds a written end only at a mark,
 * or up to 20 blocks before one, and a turn with many calls has more blocks.
 */
function readingLastTurn(messages: MessageParam[]): MessageParam[] {
  const end = messages.findLastIndex(({ role }) => role === 'assistant') - 1;
  return messages.map((message, at) => {
    return at === end && message.role === 'user' ? { ...message, content: markedAtEnd(message.content) } : message;
  });
}

function markedAtEnd(content: string | ContentBlockParam[]): ContentBlockParam[] {
  if (typeof content === 'string') return [{ type: 'text', text: content, ...CACHED }];
  const last = content.at(-1);
  return last ? [...content.slice(0, -1), { ...last, ...CACHED }] : content;
}

function paramsOf(route: WireRoute, request: TurnRequest, ids: CallIds): MessageCreateParamsStreaming {
  const { model, effort } = route;
  const maxTokens = request.maxOutputTokens;
  return {
    model,
    max_tokens: maxTokens,
    stream: true,
    ...(request.tools.length > 0 && { tools: request.tools.map(toolOf) }),
    ...cachedFor(model, request, new MessagesEcho(model, ids).messagesOf(request.transcript)),
    ...thinkingFor(model, effort, maxTokens),
  };
}

/** Connects to a provider of the wire Anthropic Messages. `native` is the list of content blocks. */
export const connectMessages: ConnectWire = (endpoint) => {
  const client = createAnthropicClient(endpoint);
  return (route) =>
    wireModel(route, {
      paramsOf,
      replyTo: (gathering) => new MessagesReply(gathering),
      send: async (params, signal) =>
        eventStreamOf(route.provider, await client.messages.create(params, { signal }).asResponse()),
    });
};
