import type { ChatCompletionRequest, FixtureFileResponse } from '@copilotkit/aimock';
import { type Case, everywhere, type Step } from './case.ts';
import { echoOf, keyHeaderOf, limitFieldOf } from './sent.ts';

const CALLS = [
  { id: 'call_oslo', name: 'degrees', arguments: { city: 'Oslo' } },
  { id: 'call_lima', name: 'degrees', arguments: { city: 'Lima' } },
];

/** Answers with the tool results as aimock read them, each under the id of its call. */
function repeatResults({ messages }: ChatCompletionRequest): { content: string } {
  const results = messages.filter(({ role }) => role === 'tool');
  return { content: results.map(({ tool_call_id, content }) => `${tool_call_id} = ${content}`).join('; ') };
}

function thinking(response: FixtureFileResponse): FixtureFileResponse {
  const signed = { reasoningSignature: 'c2lnbmVk', redactedThinking: ['b3BhcXVl'] };
  return { ...response, reasoning: 'First Oslo, then Lima.', ...signed } as FixtureFileResponse;
}

const slow: Step = {
  response: { content: 'A slow answer comes in many pieces, and each resets the clock.' },
  options: { chunkSize: 5, streamingProfile: { ttft: 100, tps: 6 } },
};

const COUNTS = {
  prompt_tokens: 11,
  input_tokens: 11,
  completion_tokens: 7,
  output_tokens: 7,
  cache_read_input_tokens: 5,
  prompt_tokens_details: { cached_tokens: 5 },
  input_tokens_details: { cached_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 4 },
  output_tokens_details: { reasoning_tokens: 4 },
};

const NO_COUNTS = { notJudged: 'aimock drops cached and reasoning tokens here' };
const NO_BACKGROUND = { notJudged: 'aimock has no background responses' };

const THOUGHTS = 'First Oslo, then Lima.';
const RESULTS = 'call_oslo = Oslo: 3; call_lima = Lima: 19';
const BOTH = ['Oslo', 'Lima'];

function reasoned(seen: unknown) {
  return { answer: RESULTS, calls: BOTH, seen };
}

/** The cases in which the child answers. */
export const ANSWERS: Case[] = [
  {
    name: 'text',
    steps: () => [
      {
        response: {
          content: 'Grüße aus Tromsø 🌋',
          usage: { prompt_tokens: 11, completion_tokens: 7, input_tokens: 11, output_tokens: 7 },
        },
      },
    ],
    see: ({ sent, usage: { input_tokens, output_tokens } }) => ({
      usage: { input_tokens, output_tokens },
      key: keyHeaderOf(sent[0]),
      limit: limitFieldOf(sent[0]),
    }),
    expected: everywhere(textWith('authorization', 'max_completion_tokens'), {
      responses: textWith('authorization', 'max_output_tokens'),
      anthropic: textWith('x-api-key', 'max_tokens'),
      azure: textWith('api-key', 'max_completion_tokens'),
      'azure-v1': textWith('api-key', 'max_output_tokens'),
      ollama: textWith(null, 'max_tokens'),
    }),
  },
  {
    name: 'parallel calls',
    steps: () => [{ response: { toolCalls: CALLS } }, { response: repeatResults }],
    expected: everywhere({ answer: RESULTS, calls: BOTH, seen: null }),
  },
  {
    name: 'text before calls',
    steps: () => [{ response: { content: 'I will look.', toolCalls: CALLS } }, { response: repeatResults }],
    expected: everywhere({ answer: RESULTS, calls: BOTH, seen: null }),
  },
  {
    name: 'reasoning, signatures',
    effort: 'low',
    steps: () => [{ response: thinking({ toolCalls: CALLS }) }, { response: repeatResults }],
    see: ({ sent }, endpoint) => echoOf(endpoint, sent[1]),
    expected: everywhere(reasoned([THOUGHTS]), {
      responses: reasoned([{ summary: THOUGHTS, isEncrypted: true }]),
      'azure-v1': reasoned([{ summary: THOUGHTS, isEncrypted: true }]),
      anthropic: reasoned([{ data: 'b3BhcXVl' }, { thinking: THOUGHTS, signature: 'c2lnbmVk' }]),
    }),
  },
  {
    name: 'slow stream',
    settings: { timeouts: { first_token_ms: 2_000, idle_ms: 1_500 } },
    steps: () => [slow],
    expected: everywhere({
      answer: 'A slow answer comes in many pieces, and each resets the clock.',
      calls: [],
      seen: null,
    }),
  },
  {
    name: 'one character a chunk',
    steps: () => [
      {
        response: { toolCalls: [{ id: 'call_1', name: 'degrees', arguments: { city: 'Zürich 🏔' } }] },
        options: { chunkSize: 1 },
      },
      { response: { content: '−1° in Zürich 🏔, 👩‍🚀 says "\\u00e9"' }, options: { chunkSize: 1 } },
    ],
    expected: everywhere({ answer: '−1° in Zürich 🏔, 👩‍🚀 says "\\u00e9"', calls: ['Zürich 🏔'], seen: null }),
  },
  {
    name: 'cached, reasoning counts',
    steps: () => [{ response: { content: 'Counted.', usage: COUNTS } }],
    see: ({ usage }) => usage,
    expected: everywhere(NO_COUNTS, {
      openrouter: {
        answer: 'Counted.',
        calls: [],
        seen: { input_tokens: 11, output_tokens: 7, cached_input_tokens: 5, reasoning_tokens: 4 },
      },
    }),
  },
  {
    name: 'background response',
    steps: () => [],
    expected: { responses: NO_BACKGROUND, 'azure-v1': NO_BACKGROUND },
  },
  {
    name: 'native protocol',
    steps: () => [],
    expected: { ollama: { notJudged: 'Errand speaks to Ollama by its /v1, never by /api/chat' } },
  },
];

function textWith(key: string | null, limit: string) {
  return {
    answer: 'Grüße aus Tromsø 🌋',
    calls: [],
    seen: { usage: { input_tokens: 11, output_tokens: 7 }, key, limit },
  };
}
