import { type Case, everywhere, type Observed, type Step } from './case.ts';
import type { EndpointName } from './endpoint.ts';

const LONG = 'This answer is long enough to be cut in its middle, wherever that may be.';

function failure(
  code: Extract<Observed, { code: unknown }>['code'],
  disposition: 'retry' | 'discard' | 'defer',
  retryAfterMs: number | null = null,
): Observed {
  return { code, disposition, retry_after_ms: retryAfterMs };
}

function refusing(
  status: number,
  error: { message: string; type?: string; code?: string },
  retryAfter?: number,
): () => Step[] {
  return () => [{ response: { error, status, ...(retryAfter !== undefined && { retryAfter }) } }];
}

/** The error of each vendor for an account without money. */
function outOfQuota(endpoint: EndpointName): Step[] {
  const openai = {
    message: 'You exceeded your current quota.',
    type: 'insufficient_quota',
    code: 'insufficient_quota',
  };
  const anthropic = { message: 'Your credit balance is too low to access the API.', type: 'invalid_request_error' };
  const openrouter = { message: 'Insufficient credits.' };
  if (endpoint === 'anthropic') return refusing(400, anthropic)();
  return endpoint === 'openrouter' ? refusing(402, openrouter)() : refusing(429, openai, 3)();
}

/** The cases in which the child fails. */
export const FAILURES_SEEN: Case[] = [
  {
    name: 'stalled stream',
    settings: { timeouts: { first_token_ms: 5_000, idle_ms: 400 } },
    steps: () => [{ response: { content: LONG }, options: { chunkSize: 5, streamingProfile: { ttft: 10, tps: 0.1 } } }],
    expected: everywhere(failure('PROVIDER_STREAM_STALLED', 'retry')),
  },
  {
    name: '429, retry-after',
    steps: refusing(429, { message: 'Rate limit reached.', type: 'rate_limit_error', code: 'rate_limit_exceeded' }, 7),
    expected: everywhere(failure('PROVIDER_RATE_LIMITED', 'defer', 7_000)),
  },
  {
    name: '503',
    steps: refusing(503, { message: 'The engine is overloaded.', type: 'server_error' }),
    expected: everywhere(failure('PROVIDER_OVERLOADED', 'retry')),
  },
  {
    name: '400',
    steps: refusing(400, { message: 'Unknown parameter: "colour".', type: 'invalid_request_error' }),
    expected: everywhere(failure('PROVIDER_REFUSED_REQUEST', 'discard')),
  },
  {
    name: 'quota',
    steps: outOfQuota,
    expected: everywhere(failure('PROVIDER_QUOTA_EXHAUSTED', 'discard', 3_000), {
      anthropic: failure('PROVIDER_QUOTA_EXHAUSTED', 'discard'),
      openrouter: failure('PROVIDER_QUOTA_EXHAUSTED', 'discard'),
    }),
  },
  {
    name: 'truncated stream',
    steps: () => [{ response: { content: LONG }, options: { chunkSize: 5, truncateAfterChunks: 5 } }],
    expected: everywhere(failure('PROVIDER_UNREACHABLE', 'retry')),
  },
  {
    name: 'disconnect in stream',
    steps: () => [{ response: { content: LONG }, options: { chunkSize: 5, latency: 100, disconnectAfterMs: 350 } }],
    expected: everywhere(failure('PROVIDER_UNREACHABLE', 'retry')),
  },
  {
    name: 'disconnect at once',
    steps: () => [{ response: { content: LONG }, options: { chaos: { disconnectRate: 1 } } }],
    expected: everywhere(failure('PROVIDER_UNREACHABLE', 'retry')),
  },
  {
    name: 'broken JSON',
    steps: () => [{ response: { content: LONG }, options: { chaos: { malformedRate: 1 } } }],
    expected: everywhere(failure('PROVIDER_MALFORMED', 'retry')),
  },
  {
    name: 'length',
    steps: () => [{ response: { content: LONG, finishReason: 'length' } }],
    expected: everywhere(failure('BUDGET_TOKENS', 'discard')),
  },
  {
    name: 'content filter',
    steps: (endpoint) => [{ response: { content: LONG, finishReason: filteredOn(endpoint) } }],
    // aimock sends a response with the status "failed" and no reason.
    expected: everywhere(failure('CHILD_REFUSED', 'discard'), {
      responses: failure('PROVIDER_FAILED', 'retry'),
      'azure-v1': failure('PROVIDER_FAILED', 'retry'),
    }),
  },
];

/** aimock has no Anthropic reason for this, and passes unknown reasons on unchanged. */
function filteredOn(endpoint: EndpointName): string {
  return endpoint === 'anthropic' ? 'refusal' : 'content_filter';
}
