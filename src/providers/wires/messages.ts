import Anthropic from '@anthropic-ai/sdk';
import type { MessageCreateParamsStreaming, Tool } from '@anthropic-ai/sdk/resources/messages/messages';
import { eventStreamOf } from '../event-stream.ts';
import { KEY_HELD_BY_FETCH } from '../fetch.ts';
import type { ToolDefinition, TurnRequest } from '../model.ts';
import { sendingBare } from './bare-request.ts';
import type { CallIds } from './call-ids.ts';
import { MessagesEcho } from './messages-echo.ts';
import { MessagesReply } from './messages-reply.ts';
import { isClaude, thinkingFor } from './thinking.ts';
import { type ConnectWire, type Endpoint, type WireRoute, wireModel } from './wire.ts';

/**
 * Makes an Anthropic client that knows only what it is given: one credential, so that the chain of environment, profiles and
 * federation is never walked, and no traces of its own. No header of the SDK is sent (`ANTHROPIC_CUSTOM_HEADERS`).
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

/** The prompt is worth keeping where a child with tools sends it again with every turn; written once, it costs more. */
function cachingFor(model: string, { tools }: TurnRequest): Pick<MessageCreateParamsStreaming, 'cache_control'> {
  return tools.length > 0 && isClaude(model) ? { cache_control: { type: 'ephemeral' } } : {};
}

function paramsOf(route: WireRoute, request: TurnRequest, ids: CallIds): MessageCreateParamsStreaming {
  const { model, effort } = route;
  const maxTokens = request.maxOutputTokens;
  return {
    model,
    messages: new MessagesEcho(model, ids).messagesOf(request.transcript),
    max_tokens: maxTokens,
    stream: true,
    ...(request.system !== '' && { system: request.system }),
    ...(request.tools.length > 0 && { tools: request.tools.map(toolOf) }),
    ...cachingFor(model, request),
    ...thinkingFor(model, effort, maxTokens),
  };
}

/** Connects to a provider that is spoken to through Anthropic Messages. `native` is the list of content blocks. */
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
