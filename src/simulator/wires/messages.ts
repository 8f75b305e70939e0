import type { Fault } from '../fault.ts';
import { type Reply, type Stop, toPieces } from '../reply.ts';
import { type Frame, sse, type WireForm } from './form.ts';

const STOP: Record<Stop, string> = {
  answer: 'end_turn',
  tools: 'tool_use',
  length: 'max_tokens',
  filter: 'refusal',
  refusal: 'refusal',
};

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

function usageOf({ usage }: Reply) {
  return {
    input_tokens: Math.max(0, usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens),
    cache_creation_input_tokens: usage.cache_write_tokens,
    cache_read_input_tokens: usage.cached_input_tokens,
    output_tokens: usage.output_tokens,
    output_tokens_details: { thinking_tokens: usage.reasoning_tokens },
    server_tool_use: null,
  };
}

function messageOf(reply: Reply) {
  return {
    id: `msg_${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    container: null,
    diagnostics: null,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    usage: {
      ...usageOf({ ...reply, usage: { ...reply.usage, output_tokens: 1, reasoning_tokens: 0 } }),
      cache_creation: null,
      inference_geo: null,
      service_tier: 'standard',
      speed: null,
    },
  };
}

function endOf({ stop }: Reply) {
  const stop_details = stop === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null;
  return { stop_reason: STOP[stop], stop_sequence: null, stop_details };
}

/** A content block: its start, its deltas, and the complete block. */
type Block = { start: object; deltas: object[]; whole: object };

function inputOf(args: string): unknown {
  try {
    return JSON.parse(args);
  } catch {
    return {};
  }
}

function blocksOf(reply: Reply): Block[] {
  const blocks: Block[] = [];
  if (reply.reasoning !== null) {
    const signature = `signature_${reply.id}`;
    const deltas = toPieces(reply.reasoning).map((thinking) => ({ type: 'thinking_delta', thinking }));
    blocks.push({
      start: { type: 'thinking', thinking: '', signature: '' },
      deltas: [...deltas, { type: 'signature_delta', signature }],
      whole: { type: 'thinking', thinking: reply.reasoning, signature },
    });
  }
  if (reply.pieces.length > 0) {
    blocks.push({
      start: { type: 'text', text: '', citations: null },
      deltas: reply.pieces.map((text) => ({ type: 'text_delta', text })),
      whole: { type: 'text', text: reply.pieces.join(''), citations: null },
    });
  }
  for (const { id, name, arguments: args } of reply.toolCalls) {
    const block = { type: 'tool_use', id, name, caller: { type: 'direct' } };
    blocks.push({
      start: { ...block, input: {} },
      deltas: toPieces(args).map((partial_json) => ({ type: 'input_json_delta', partial_json })),
      whole: { ...block, input: inputOf(args) },
    });
  }
  return blocks;
}

function body(reply: Reply): string {
  return JSON.stringify({
    ...messageOf(reply),
    ...endOf(reply),
    usage: usageOf(reply),
    content: blocksOf(reply).map(({ whole }) => whole),
  });
}

function frames(reply: Reply): Frame[] {
  const frame = (type: string, fields: object, isDelta = false): Frame => ({
    text: sse(type, { type, ...fields }),
    isDelta,
  });
  return [
    frame('message_start', { message: messageOf(reply) }),
    frame('ping', {}),
    ...blocksOf(reply).flatMap(({ start, deltas }, index) => [
      frame('content_block_start', { index, content_block: start }),
      ...deltas.map((delta) => frame('content_block_delta', { index, delta }, true)),
      frame('content_block_stop', { index }),
    ]),
    frame('message_delta', { delta: endOf(reply), usage: usageOf(reply) }),
    frame('message_stop', {}),
  ];
}

function errorOf({ status, message, type, code }: Fault) {
  const known = ERROR_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: type ?? known, message, ...(code !== null && { details: { error_code: code } }) };
}

function headers(requestId: string, isRateLimited: boolean): Record<string, string> {
  const reset = new Date(Date.now() + 1000).toISOString();
  return {
    'request-id': requestId,
    'anthropic-ratelimit-requests-limit': '4000',
    'anthropic-ratelimit-requests-remaining': isRateLimited ? '0' : '3999',
    'anthropic-ratelimit-requests-reset': reset,
    'anthropic-ratelimit-input-tokens-limit': '2000000',
    'anthropic-ratelimit-input-tokens-remaining': isRateLimited ? '0' : '1999000',
    'anthropic-ratelimit-input-tokens-reset': reset,
    'anthropic-ratelimit-output-tokens-limit': '400000',
    'anthropic-ratelimit-output-tokens-remaining': isRateLimited ? '0' : '399000',
    'anthropic-ratelimit-output-tokens-reset': reset,
  };
}

/** Anthropic Messages, API version 2026-10-21. */
export const messages: WireForm = {
  body,
  frames,
  errorBody: (fault, request_id) => JSON.stringify({ type: 'error', error: errorOf(fault), request_id }),
  errorFrame: (fault) => sse('error', { type: 'error', error: errorOf(fault) }),
  headers,
};
