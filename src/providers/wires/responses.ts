import type {
  FunctionTool,
  ResponseCreateParamsStreaming,
  ResponseIncludable,
} from 'openai/resources/responses/responses';
import { levelsOf, marksPrefixes } from '../../catalogue/models.ts';
import { ErrandError } from '../../errors.ts';
import { eventStreamOf } from '../event-stream.ts';
import type { ToolDefinition, TurnRequest } from '../model.ts';
import { inBackground } from './background.ts';
import type { CallIds } from './call-ids.ts';
import { cacheKeyOf } from './openai-cache.ts';
import { createOpenAIClient } from './openai-client.ts';
import { ResponsesEcho } from './responses-echo.ts';
import { ResponsesReply } from './responses-reply.ts';
import { type ConnectWire, type WireRoute, wireModel } from './wire.ts';

function toolOf({ name, description, parameters }: ToolDefinition): FunctionTool {
  return { type: 'function', name, description, parameters, strict: false };
}

/** The minimum of `max_output_tokens` that OpenAI accepts. */
const MIN_OUTPUT_TOKENS = 16;

/**
 * The extras to request with a response. OpenAI refuses a request for the reasoning of a model that does not reason.
 */
function includeOf({ provider, model }: WireRoute): ResponseIncludable[] {
  return levelsOf(provider, model).length > 0 ? ['reasoning.encrypted_content'] : [];
}

/**
 * The parameters of a request. The reasoning arrives encrypted and is sent again with the next turn. The provider
 * stores only background responses.
 *
 * @throws ErrandError `BUDGET_TOKENS` if fewer tokens are left than the provider accepts.
 */
function paramsOf(route: WireRoute, request: TurnRequest, ids: CallIds): ResponseCreateParamsStreaming {
  const { provider, model, effort } = route;
  const maxTokens = request.maxOutputTokens;
  if (maxTokens < MIN_OUTPUT_TOKENS) {
    throw new ErrandError(
      'BUDGET_TOKENS',
      `${maxTokens} output tokens are left for the turn; provider "${provider.name}" requires at least ${MIN_OUTPUT_TOKENS}`,
    );
  }
  const echoing = { isStored: provider.background, marksShared: marksPrefixes(provider, model) };
  return {
    model,
    input: new ResponsesEcho(echoing, ids).itemsOf(request.transcript),
    max_output_tokens: maxTokens,
    stream: true,
    store: provider.background,
    ...(provider.background && { background: true, metadata: request.background?.mark ?? null }),
    include: includeOf(route),
    ...cacheKeyOf(route),
    ...(request.system !== '' && { instructions: request.system }),
    ...(request.tools.length > 0 && { tools: request.tools.map(toolOf) }),
    ...(effort !== null && { reasoning: { effort } }),
  };
}

/** Connects to a provider of the wire OpenAI Responses. `native` is the list of output items. */
export const connectResponses: ConnectWire = (endpoint) => {
  const client = createOpenAIClient(endpoint);
  return (route) =>
    wireModel(route, {
      paramsOf,
      replyTo: (gathering) => new ResponsesReply(gathering),
      send: (params, signal, { background }) => {
        const { provider } = route;
        const ask = async () =>
          eventStreamOf<unknown>(provider, await client.responses.create(params, { signal }).asResponse());
        if (!provider.background || !background) return ask();
        return inBackground({ provider, client, include: includeOf(route) }, ask, background, signal);
      },
    });
};
