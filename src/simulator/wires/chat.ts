import type { ModelCall } from '../model-call.ts';
import { type Reply, type Stop, toPieces } from '../reply.ts';
import { type Frame, inSeconds, sse, type WireForm } from './form.ts';
import { openaiError, openaiErrorBody, openaiHeaders } from './openai.ts';

const FINISH: Record<Stop, string> = {
  answer: 'stop',
  tools: 'tool_calls',
  length: 'length',
  filter: 'content_filter',
  refusal: 'stop',
};

function usageOf({ usage }: Reply) {
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.input_tokens + usage.output_tokens,
    prompt_tokens_details: {
      cached_tokens: usage.cached_input_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      audio_tokens: 0,
    },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning_tokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function head(reply: Reply, object: string) {
  return {
    id: `chatcmpl-${reply.id}`,
    object,
    created: inSeconds(reply.createdAtMs),
    model: reply.model,
    service_tier: 'default',
    system_fingerprint: 'fp_simulator',
  };
}

function body(reply: Reply): string {
  const text = reply.pieces.join('');
  const isRefusal = reply.stop === 'refusal';
  const message = {
    role: 'assistant',
    content: isRefusal || (text === '' && reply.toolCalls.length > 0) ? null : text,
    refusal: isRefusal ? text : null,
    annotations: [],
    ...(reply.reasoning && { reasoning_content: reply.reasoning }),
    ...(reply.toolCalls.length > 0 && {
      tool_calls: reply.toolCalls.map(({ id, name, arguments: args }) => ({
        id,
        type: 'function',
        function: { name, arguments: args },
      })),
    }),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: FINISH[reply.stop] };
  return JSON.stringify({ ...head(reply, 'chat.completion'), choices: [choice], usage: usageOf(reply) });
}

function deltasOf(reply: Reply): object[] {
  const field = reply.stop === 'refusal' ? 'refusal' : 'content';
  return [
    ...toPieces(reply.reasoning ?? '').map((piece) => ({ reasoning_content: piece })),
    ...reply.pieces.map((piece) => ({ [field]: piece })),
    ...reply.toolCalls.flatMap(({ id, name, arguments: args }, index) => [
      { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
      ...toPieces(args).map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]),
  ];
}

function frames(reply: Reply, call: ModelCall): Frame[] {
  const common = head(reply, 'chat.completion.chunk');
  const chunk = (delta: object, finish_reason: string | null, isDelta: boolean): Frame => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason }];
    return { text: sse(null, { ...common, choices, ...(call.wantsUsage && { usage: null }) }), isDelta };
  };
  const usage = { text: sse(null, { ...common, choices: [], usage: usageOf(reply) }), isDelta: false };
  return [
    chunk({ role: 'assistant', content: '', refusal: null }, null, false),
    ...deltasOf(reply).map((delta) => chunk(delta, null, true)),
    chunk({}, FINISH[reply.stop], false),
    ...(call.wantsUsage ? [usage] : []),
    { text: 'data: [DONE]\n\n', isDelta: false },
  ];
}

/** OpenAI Chat Completions. Reasoning is sent as `reasoning_content`, as compatible servers do. */
export const chat: WireForm = {
  body,
  frames,
  errorBody: openaiErrorBody,
  errorFrame: (fault) => sse(null, { error: openaiError(fault) }),
  headers: openaiHeaders,
};
