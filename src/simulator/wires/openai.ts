import type { Fault } from '../fault.ts';

const DEFAULTS: Record<number, { type: string; code: string | null }> = {
  401: { type: 'invalid_request_error', code: 'invalid_api_key' },
  403: { type: 'invalid_request_error', code: 'permission_denied' },
  404: { type: 'invalid_request_error', code: 'model_not_found' },
  429: { type: 'requests', code: 'rate_limit_exceeded' },
};

/** The error object of both OpenAI wires. */
export function openaiError({ status, message, type, code, param }: Fault) {
  const known = DEFAULTS[status] ?? { type: status < 500 ? 'invalid_request_error' : 'server_error', code: null };
  return { message, type: type ?? known.type, code: code ?? known.code, param };
}

/** The body of an error answer on both OpenAI wires. */
export function openaiErrorBody(fault: Fault): string {
  return JSON.stringify({ error: openaiError(fault) });
}

/** The headers of both OpenAI wires for the request id and the rate limits. */
export function openaiHeaders(requestId: string, isRateLimited: boolean): Record<string, string> {
  return {
    'x-request-id': requestId,
    'openai-processing-ms': '1',
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-remaining-requests': isRateLimited ? '0' : '9999',
    'x-ratelimit-reset-requests': '6ms',
    'x-ratelimit-limit-tokens': '30000000',
    'x-ratelimit-remaining-tokens': isRateLimited ? '0' : '29999000',
    'x-ratelimit-reset-tokens': '2ms',
  };
}
