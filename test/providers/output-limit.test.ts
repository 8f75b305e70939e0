import { describe, expect, onTestFinished, test } from 'vitest';
import type { Wire } from '../../src/contract/route.ts';
import { roomIn } from '../../src/providers/output-limit.ts';
import { ask, faultOfTurn, modelOf, providerAt, sendEvents, serve } from './models.ts';

const OPENAI =
  'max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.';
const VLLM =
  "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 8192 tokens and your request has 300 input tokens (32000 > 8192 - 300). (parameter=max_tokens, value=32000)";

const LIMITS: [string, string, number][] = [
  ['OpenAI', OPENAI, 16_384],
  ['vLLM', VLLM, 7_892],
  [
    'a window with messages and completion',
    "This model's maximum context length is 8192 tokens. However, you requested 32300 tokens (300 in the messages, 32000 in the completion). Please reduce the length of the messages or completion.",
    7_892,
  ],
  [
    'OpenRouter',
    "This endpoint's maximum context length is 8192 tokens. However, you requested about 32300 tokens (300 of text input, 32000 in the output).",
    7_892,
  ],
  [
    'vLLM, later',
    "This model's maximum context length is 8192 tokens. However, you requested 32000 output tokens and your prompt contains at least 300 input tokens, for a total of at least 32300 tokens.",
    7_892,
  ],
  [
    'SGLang',
    "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 32300 tokens: 300 tokens from the input messages and 32000 tokens for the completion.",
    7_892,
  ],
  [
    'Anthropic',
    'max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for claude-3-haiku',
    8_192,
  ],
  [
    'Anthropic, the window',
    'input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease input length or `max_tokens` and try again',
    10_000,
  ],
  [
    'Groq',
    '`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the `context_window` for this model',
    8_192,
  ],
  ['DeepSeek', 'Invalid max_tokens value, the valid range of max_tokens is [1, 8192]', 8_192],
  ['Alibaba', 'Range of max_tokens should be [1, 8192]', 8_192],
  [
    'Bedrock',
    'The maximum tokens you requested exceeds the model limit of 10000. Try again with a maximum tokens value that is lower than 10000.',
    10_000,
  ],
  ['a figure with commas', 'max_tokens must be at most 16,384', 16_384],
];

/**
 * A server that refuses a request for too many output tokens with this message, and answers any other request. It stores its
 * requests.
 */
async function refusing(status: number, message: string, most: number) {
  const asked: number[] = [];
  const server = await serve(async (req, res) => {
    const body = JSON.parse(Buffer.concat(await Array.fromAsync(req)).toString()) as Record<string, number>;
    const tokens = body.max_completion_tokens ?? body.max_tokens ?? body.max_output_tokens ?? 0;
    asked.push(tokens);
    if (tokens > most) {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }));
      return;
    }
    const delta = { content: 'done' };
    sendEvents(res, [
      [null, { choices: [{ index: 0, delta, finish_reason: 'stop' }] }],
      [null, '[DONE]'],
    ]);
  });
  onTestFinished(server.close);
  return { url: server.url, asked };
}

test.each(LIMITS)('the limit is read out of the refusal of %s', (_, message, most) => {
  expect(roomIn(message)).toEqual({ most });
});

test.each([
  "This model's maximum context length is 8192 tokens. However, you requested 41000 tokens (9000 in the messages, 32000 in the completion).",
  'prompt is too long: 214000 tokens > 200000 maximum',
  'Range of input length should be [1, 129024]',
  `max_tokens: 32000 > ${'9'.repeat(40)}`,
])('no limit is read out of %j', (message) => {
  expect(roomIn(message)).toBeUndefined();
});

describe('a call that is refused for its output limit', () => {
  test.each(LIMITS)('is repeated once within the limit of %s', async (_, message, most) => {
    const { url, asked } = await refusing(400, message, most);
    const notes: string[] = [];
    const { model } = modelOf(providerAt('chat', url), 'm');
    const request = ask('Go', { maxOutputTokens: 32_000, onLimit: (note) => notes.push(note) });
    const turn = await model.turn(request, new AbortController().signal);
    expect(turn).toMatchObject({ text: 'done' });
    expect(asked).toEqual([32_000, most]);
    expect(notes).toEqual([
      `provider "acme" refused 32000 output tokens; the call was repeated with ${most}. Set providers.acme.max_output_tokens to ${most}.`,
    ]);
  });

  test('begins its next turn within the limit', async () => {
    const { url, asked } = await refusing(400, OPENAI, 16_384);
    const { model } = modelOf(providerAt('chat', url), 'gpt-4o');
    await model.turn(ask('Go', { maxOutputTokens: 32_000 }), new AbortController().signal);
    await model.turn(ask('Go', { maxOutputTokens: 32_000 }), new AbortController().signal);
    expect(asked).toEqual([32_000, 16_384, 16_384]);
  });

  test('counts a request above the tokens of a minute by what is left of them', async () => {
    const message = 'Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 32500.';
    const { url, asked } = await refusing(413, message, 5_500);
    const { model } = modelOf(providerAt('chat', url), 'm');
    await model.turn(ask('Go', { maxOutputTokens: 32_000 }), new AbortController().signal);
    expect(asked).toEqual([32_000, 5_500]);
  });

  test('is not repeated a second time, and names the setting', async () => {
    const { url, asked } = await refusing(400, OPENAI, 1);
    const fault = await modelOf(providerAt('chat', url), 'gpt-4o')
      .model.turn(ask('Go', { maxOutputTokens: 32_000 }), new AbortController().signal)
      .catch((error: unknown) => error);
    expect(fault).toMatchObject({
      code: 'PROVIDER_REFUSED_REQUEST',
      remedy: 'Set providers.acme.max_output_tokens to 16384 or less, or lower budget.output_tokens_per_turn.',
    });
    expect(asked).toEqual([32_000, 16_384]);
  });

  test('is not repeated if the stream had begun: it may have been paid for', async () => {
    let calls = 0;
    const server = await serve((_, res) => {
      calls += 1;
      sendEvents(res, [[null, { error: { message: OPENAI, code: 400 } }]]);
    });
    onTestFinished(server.close);
    const fault = await faultOfTurn(providerAt('chat', server.url));
    expect(fault).toMatchObject({ code: 'PROVIDER_REFUSED_REQUEST' });
    expect(calls).toBe(1);
  });
});

const REMEDIES: [string, Wire, number, unknown, string][] = [
  [
    'a field that Mistral does not know',
    'chat',
    422,
    {
      object: 'error',
      message: {
        detail: [
          { type: 'extra_forbidden', loc: ['body', 'max_completion_tokens'], msg: 'Extra inputs are not permitted' },
        ],
      },
    },
    'Set providers.acme.max_tokens_field to "max_tokens".',
  ],
  [
    'an effort that xAI refuses',
    'chat',
    400,
    { code: 'x', error: 'Argument not supported on this model: reasoningEffort' },
    'Declare the levels of the model under providers.acme.efforts, or set its effort_policy to "omit".',
  ],
  [
    'an effort by its parameter',
    'chat',
    400,
    { error: { message: 'Unsupported value.', param: 'reasoning_effort' } },
    'Declare the levels of the model under providers.acme.efforts, or set its effort_policy to "omit".',
  ],
  [
    'thinking that a model does not do',
    'messages',
    400,
    { error: { message: 'adaptive thinking is not supported on this model' } },
    'Declare the levels of the model under providers.acme.efforts, or set its effort_policy to "omit".',
  ],
  [
    'too much output without a figure',
    'chat',
    400,
    { error: { message: 'max_tokens is too large' } },
    'Set providers.acme.max_output_tokens to the number that the message allows, or lower budget.output_tokens_per_turn.',
  ],
];

describe('the remedy of a refusal', () => {
  test.each(REMEDIES)('names the setting for %s', async (_, wire, status, body, remedy) => {
    const server = await serve((__, res) => res.writeHead(status).end(JSON.stringify(body)));
    onTestFinished(server.close);
    expect(await faultOfTurn(providerAt(wire, server.url))).toMatchObject({ code: 'PROVIDER_REFUSED_REQUEST', remedy });
  });

  test('names the other field to a provider that is asked by the old one', async () => {
    const message =
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    const server = await serve((_, res) =>
      res.writeHead(400).end(JSON.stringify({ error: { message, param: 'max_tokens' } })),
    );
    onTestFinished(server.close);
    const fault = await faultOfTurn(providerAt('chat', server.url, { max_tokens_field: 'max_tokens' }));
    expect(fault.remedy).toBe('Set providers.acme.max_tokens_field to "max_completion_tokens".');
  });

  test.each([
    'messages.1.content.0: Invalid `signature` in `thinking` block',
    'Invalid signature in thinking block',
    'Expected `thinking` or `redacted_thinking`, but found `tool_use`.',
  ])('does not speak of efforts for %j', async (message) => {
    const server = await serve((_, res) => res.writeHead(400).end(JSON.stringify({ error: { message } })));
    onTestFinished(server.close);
    const { remedy } = await faultOfTurn(providerAt('messages', server.url));
    expect(remedy).toContain('refused its own reasoning');
    expect(remedy).not.toContain('efforts');
  });
});
