import { type Reply, toPieces } from '../reply.ts';
import { type Frame, inSeconds, sse, type WireForm } from './form.ts';
import { openaiError, openaiErrorBody, openaiHeaders } from './openai.ts';

type Item = Record<string, unknown> & { id: string };

function usageOf({ usage }: Reply) {
  return {
    input_tokens: usage.input_tokens,
    input_tokens_details: { cached_tokens: usage.cached_input_tokens, cache_write_tokens: usage.cache_write_tokens },
    output_tokens: usage.output_tokens,
    output_tokens_details: { reasoning_tokens: usage.reasoning_tokens },
    total_tokens: usage.input_tokens + usage.output_tokens,
  };
}

function responseOf(reply: Reply, status: string, fields: object = {}) {
  return {
    id: `resp_${reply.id}`,
    object: 'response',
    created_at: inSeconds(reply.createdAtMs),
    status,
    model: reply.model,
    access_programs: null,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    store: false,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    usage: null,
    ...fields,
  };
}

function reasoningItem(reply: Reply, text: string): Item {
  return {
    id: `rs_${reply.id}`,
    type: 'reasoning',
    summary: text === '' ? [] : [{ type: 'summary_text', text }],
    encrypted_content: `encrypted_${reply.id}`,
  };
}

function partOf(reply: Reply, text: string) {
  return reply.stop === 'refusal'
    ? { type: 'refusal', refusal: text }
    : { type: 'output_text', text, annotations: [], logprobs: [] };
}

function messageItem(reply: Reply, status: string, content: object[]): Item {
  return { id: `msg_${reply.id}`, type: 'message', role: 'assistant', status, content };
}

function callItems(reply: Reply): Item[] {
  return reply.toolCalls.map(({ id, name, arguments: args }) => ({
    id: `fc_${id}`,
    type: 'function_call',
    call_id: id,
    name,
    arguments: args,
    status: 'completed',
  }));
}

function isCutShort({ stop }: Reply): boolean {
  return stop === 'length' || stop === 'filter';
}

function statusOf(reply: Reply): string {
  return isCutShort(reply) ? 'incomplete' : 'completed';
}

function outputOf(reply: Reply): Item[] {
  const text = reply.pieces.join('');
  return [
    ...(reply.reasoning === null ? [] : [reasoningItem(reply, reply.reasoning)]),
    ...(text === '' ? [] : [messageItem(reply, statusOf(reply), [partOf(reply, text)])]),
    ...callItems(reply),
  ];
}

function finalResponse(reply: Reply) {
  const reason = reply.stop === 'length' ? 'max_output_tokens' : 'content_filter';
  return responseOf(reply, statusOf(reply), {
    output: outputOf(reply),
    usage: usageOf(reply),
    ...(isCutShort(reply) ? { incomplete_details: { reason } } : { completed_at: inSeconds(reply.createdAtMs) }),
  });
}

type Push = (type: string, fields: object, isDelta?: boolean) => void;

function pushReasoning(push: Push, item: Item, text: string, output_index: number): void {
  push('response.output_item.added', { output_index, item: { ...item, summary: [] } });
  if (text !== '') {
    const at = { item_id: item.id, output_index, summary_index: 0 };
    push('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
    for (const delta of toPieces(text)) push('response.reasoning_summary_text.delta', { ...at, delta }, true);
    push('response.reasoning_summary_text.done', { ...at, text });
    push('response.reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text } });
  }
  push('response.output_item.done', { output_index, item });
}

function pushMessage(push: Push, reply: Reply, item: Item, output_index: number): void {
  const text = reply.pieces.join('');
  const at = { item_id: item.id, output_index, content_index: 0 };
  push('response.output_item.added', { output_index, item: messageItem(reply, 'in_progress', []) });
  push('response.content_part.added', { ...at, part: partOf(reply, '') });
  if (reply.stop === 'refusal') {
    for (const delta of reply.pieces) push('response.refusal.delta', { ...at, delta }, true);
    push('response.refusal.done', { ...at, refusal: text });
  } else {
    for (const delta of reply.pieces) push('response.output_text.delta', { ...at, delta, logprobs: [] }, true);
    push('response.output_text.done', { ...at, text, logprobs: [] });
  }
  push('response.content_part.done', { ...at, part: partOf(reply, text) });
  push('response.output_item.done', { output_index, item });
}

function pushCall(push: Push, item: Item, output_index: number): void {
  const at = { item_id: item.id, output_index };
  push('response.output_item.added', { output_index, item: { ...item, arguments: '', status: 'in_progress' } });
  for (const delta of toPieces(String(item.arguments))) {
    push('response.function_call_arguments.delta', { ...at, delta }, true);
  }
  push('response.function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments });
  push('response.output_item.done', { output_index, item });
}

function frames(reply: Reply): Frame[] {
  const all: Frame[] = [];
  const push: Push = (type, fields, isDelta = false) => {
    all.push({ text: sse(type, { type, sequence_number: all.length, ...fields }), isDelta });
  };
  push('response.created', { response: responseOf(reply, 'in_progress') });
  push('response.in_progress', { response: responseOf(reply, 'in_progress') });
  for (const [index, item] of outputOf(reply).entries()) {
    if (item.type === 'reasoning') pushReasoning(push, item, reply.reasoning ?? '', index);
    else if (item.type === 'message') pushMessage(push, reply, item, index);
    else pushCall(push, item, index);
  }
  push(isCutShort(reply) ? 'response.incomplete' : 'response.completed', { response: finalResponse(reply) });
  return all;
}

/** OpenAI Responses. Every request contains its whole conversation; `previous_response_id` is not supported. */
export const responses: WireForm = {
  body: (reply) => JSON.stringify(finalResponse(reply)),
  frames,
  errorBody: openaiErrorBody,
  errorFrame: (fault, reply, isWholeResponse) => {
    const { message, type, code, param } = openaiError(fault);
    if (!isWholeResponse)
      return sse('error', { type: 'error', sequence_number: 0, error: { type, code, message, param } });
    const response = responseOf(reply, 'failed', { error: { code: code ?? 'server_error', message } });
    return sse('response.failed', { type: 'response.failed', sequence_number: 0, response });
  },
  headers: openaiHeaders,
};
