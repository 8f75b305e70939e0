import type { ServerResponse } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FailureCode } from '../../src/errors.ts';
import { faultOfTurn, providerAt, sendEvents, serve, WIRES } from './models.ts';

/** The fault of a turn with this answer. */
async function faultOf(wire: (typeof WIRES)[number], answer: (res: ServerResponse) => unknown, more = {}) {
  const server = await serve((_, res) => void answer(res));
  onTestFinished(server.close);
  return faultOfTurn(providerAt(wire, server.url, more));
}

function json(status: number, body: unknown, headers: Record<string, string> = {}) {
  return (res: ServerResponse) =>
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const raw = (inner: unknown) => ({
  error: { message: 'Provider returned error', code: 400, metadata: { raw: JSON.stringify(inner) } },
});

const ANSWERS: [string, number, unknown, FailureCode][] = [
  ['200 without credits', 200, { error: { message: 'Insufficient credits', code: 402 } }, 'PROVIDER_QUOTA_EXHAUSTED'],
  ['200 with a limit', 200, { error: { message: 'Slow down.', code: 429 } }, 'PROVIDER_RATE_LIMITED'],
  ['200 with the code as text', 200, { error: { message: 'Slow down.', code: '429' } }, 'PROVIDER_RATE_LIMITED'],
  ['200 of an upstream', 200, { error: { message: 'Bad gateway', code: 502 } }, 'PROVIDER_FAILED'],
  ['200 with bare words', 200, { message: 'no such model', code: 404 }, 'PROVIDER_REFUSED_REQUEST'],
  [
    '200 of a base_resp',
    200,
    { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
    'PROVIDER_QUOTA_EXHAUSTED',
  ],
  ['200 with a list', 200, [{ error: { code: 503, message: 'try later' } }], 'PROVIDER_OVERLOADED'],
  [
    '400 with nested raw text',
    400,
    raw({ type: 'error', error: { message: 'prompt is too long: 214000 tokens > 200000 maximum' } }),
    'CONTEXT_TOO_LONG',
  ],
  [
    '400 with a nested quota',
    400,
    raw({ error: { code: 'insufficient_quota', message: 'x' } }),
    'PROVIDER_QUOTA_EXHAUSTED',
  ],
  [
    '400 with raw words',
    400,
    {
      error: {
        message: 'Provider returned error',
        metadata: { raw: 'This model has a maximum context length of 8192 tokens' },
      },
    },
    'CONTEXT_TOO_LONG',
  ],
  [
    '429 of an empty balance',
    429,
    { error: { code: '1113', message: 'Insufficient balance or no resource package. Please recharge.' } },
    'PROVIDER_QUOTA_EXHAUSTED',
  ],
  [
    '429 of a Chinese balance',
    429,
    { error: { code: '1113', message: '余额不足或无可用资源包,请充值。' } },
    'PROVIDER_QUOTA_EXHAUSTED',
  ],
  [
    '429 of a free tier',
    429,
    {
      error: {
        code: 429,
        message: 'Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day',
      },
    },
    'PROVIDER_RATE_LIMITED',
  ],
  [
    '429 with a link to billing',
    429,
    {
      error: {
        message: 'Rate limit reached. Need more tokens? Upgrade at https://x.example/settings/billing',
        code: 'rate_limit_exceeded',
      },
    },
    'PROVIDER_RATE_LIMITED',
  ],
  [
    '429 of a tier',
    429,
    {
      error: {
        code: '429',
        message: 'Requests have exceeded call rate limit of your current pricing tier. Please retry after 20 seconds.',
      },
    },
    'PROVIDER_RATE_LIMITED',
  ],
  [
    '403 of a spending limit',
    403,
    {
      code: 'permission-denied',
      error: 'Your team has either used all available credits or reached its monthly spending limit.',
    },
    'PROVIDER_QUOTA_EXHAUSTED',
  ],
  [
    '403 of flagged input',
    403,
    { error: { code: 403, message: 'Your chosen model requires moderation and your input was flagged' } },
    'CHILD_REFUSED',
  ],
  [
    '400 of a wrong key',
    400,
    { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: sk***ET.' },
    'CREDENTIAL_REJECTED',
  ],
  [
    '400 of a wrong key, as Gemini says it',
    400,
    [{ error: { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' } }],
    'CREDENTIAL_REJECTED',
  ],
  [
    '400 of a usage limit',
    400,
    {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
      },
    },
    'PROVIDER_QUOTA_EXHAUSTED',
  ],
  [
    '400 of a filter',
    400,
    {
      error: {
        code: 'content_filter',
        message: 'The response was filtered due to the prompt triggering a content policy',
      },
    },
    'CHILD_REFUSED',
  ],
  [
    '400 of an inner filter',
    400,
    { error: { message: 'x', innererror: { code: 'ResponsibleAIPolicyViolation' } } },
    'CHILD_REFUSED',
  ],
  [
    '400 of an inspection',
    400,
    { code: 'DataInspectionFailed', message: 'Input data may contain inappropriate content.' },
    'CHILD_REFUSED',
  ],
  [
    '400 of a failed call',
    400,
    { error: { type: 'invalid_request_error', code: 'tool_use_failed', message: 'Failed to call a function.' } },
    'PROVIDER_FAILED',
  ],
  [
    '400 of throttling',
    400,
    { __type: 'ThrottlingException', message: 'Too many requests, please wait.' },
    'PROVIDER_RATE_LIMITED',
  ],
  [
    '403 of a key limit',
    403,
    { error: { code: 403, message: 'Key limit exceeded (total limit).' } },
    'PROVIDER_QUOTA_EXHAUSTED',
  ],
  ['500 of a quota', 500, { error: { code: 'insufficient_user_quota', message: 'x' } }, 'PROVIDER_QUOTA_EXHAUSTED'],
  [
    '429 of a day',
    429,
    { type: 'too_many_tokens_error', code: 'token_quota_exceeded', message: 'Tokens per day limit exceeded' },
    'PROVIDER_RATE_LIMITED',
  ],
  ['400 of a code alone', 400, { error: 'insufficient_quota' }, 'PROVIDER_QUOTA_EXHAUSTED'],
  ['200 of a code alone', 200, { error: 'invalid_api_key' }, 'CREDENTIAL_REJECTED'],
  [
    '400 of an unknown account',
    400,
    { message: 'Bad Request', detail: 'the account has no such project' },
    'PROVIDER_REFUSED_REQUEST',
  ],
  [
    '500 of a long conversation',
    500,
    { error: { message: 'the input length exceeds the context length' } },
    'CONTEXT_TOO_LONG',
  ],
  [
    '413 of a body by tokens',
    413,
    { error: { code: 'tokens_limit_reached', message: 'Request body too large. Max size: 8000 tokens.' } },
    'CONTEXT_TOO_LONG',
  ],
  [
    '400 of prompt tokens',
    400,
    { error: { message: 'prompt token count of 128001 exceeds the limit of 128000' } },
    'CONTEXT_TOO_LONG',
  ],
  [
    '400 of output that was blocked',
    400,
    { error: { message: 'Output blocked by content filtering policy' } },
    'CHILD_REFUSED',
  ],
  [
    '422 of a list',
    422,
    { detail: [{ type: 'missing', loc: ['body', 'model'], msg: 'Field required' }] },
    'PROVIDER_REFUSED_REQUEST',
  ],
  ['424', 424, {}, 'PROVIDER_FAILED'],
  ['425', 425, {}, 'PROVIDER_FAILED'],
  ['499', 499, {}, 'PROVIDER_FAILED'],
  ['500 that is a limit', 500, { error: { code: '429', message: 'upstream' } }, 'PROVIDER_RATE_LIMITED'],
  ...[
    'maximum prompt length is 131072',
    'The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).',
    'the request exceeds the available context size, try increasing it',
    'the prompt exceeds the maximum allowed input length',
    'Range of input length should be [1, 129024]',
    'Your request exceeded model token limit: 8192',
    'Input is too long for requested model',
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
  ].map((message): [string, number, unknown, FailureCode] => [
    `400 "${message.slice(0, 30)}"`,
    400,
    { error: { message } },
    'CONTEXT_TOO_LONG',
  ]),
];

describe.each(WIRES)('on the %s wire', (wire) => {
  test.each(ANSWERS)('an answer %s is told apart', async (_, status, body, code) => {
    expect(await faultOf(wire, json(status, body))).toMatchObject({ code, httpStatus: status });
  });

  test.each(ANSWERS.filter(([, status]) => status === 200))(
    '%s as text/event-stream too',
    async (_, status, body, code) => {
      expect(await faultOf(wire, json(status, body, { 'content-type': 'text/event-stream' }))).toMatchObject({ code });
    },
  );

  test('an answer that is JSON and no error is not a stream', async () => {
    const fault = await faultOf(wire, json(200, { id: 'x', choices: [{ message: { content: 'hi' } }] }));
    expect(fault).toMatchObject({ code: 'PROVIDER_MALFORMED', message: expect.stringContaining('application/json') });
  });

  test('an error body that hangs keeps its status and its wait', async () => {
    const hanging = (status: number) => (res: ServerResponse) =>
      res.writeHead(status, { 'retry-after': '7', 'content-type': 'application/json' }).write('{"error":{"mess');
    const limits = { timeouts: { headers_ms: 300 } };
    expect(await faultOf(wire, hanging(429), limits)).toMatchObject({
      code: 'PROVIDER_RATE_LIMITED',
      retryAfterMs: 7_000,
    });
  });

  test('an error body without an end is read to a bound', async () => {
    const endless = (res: ServerResponse) => {
      res.writeHead(402, { 'content-type': 'text/plain' });
      const more = () => !res.destroyed && res.write('x'.repeat(65_536), more);
      more();
    };
    const fault = await faultOf(wire, endless);
    expect(fault).toMatchObject({ code: 'PROVIDER_QUOTA_EXHAUSTED', httpStatus: 402 });
    expect(fault.message.length).toBeLessThan(300_000);
  });
});

describe('inside a stream', () => {
  const chunk = { choices: [{ index: 0, delta: { content: 'a' } }] };
  const EVENTS: [string, unknown, FailureCode][] = [
    [
      'a code as text',
      { error: { message: 'rate limited', type: 'None', param: 'None', code: '429' } },
      'PROVIDER_RATE_LIMITED',
    ],
    ['words alone', { error: 'Incorrect API key provided' }, 'CREDENTIAL_REJECTED'],
    [
      'an error of the choice',
      { choices: [{ index: 0, delta: {}, error: { code: 503, message: 'busy' } }] },
      'PROVIDER_OVERLOADED',
    ],
    [
      'an object that is an error',
      { object: 'error', message: 'the server is currently overloaded', code: 503 },
      'PROVIDER_OVERLOADED',
    ],
    ['a detail', { detail: 'internal' }, 'PROVIDER_FAILED'],
  ];
  test.each(EVENTS)('%s is told apart', async (_, event, code) => {
    const fault = await faultOf('chat', (res) =>
      sendEvents(res, [
        [null, chunk],
        [null, event],
      ]),
    );
    expect(fault).toMatchObject({ code, httpStatus: undefined });
  });

  test.each([null, '', {}, []])('an error that is %j says nothing', async (error) => {
    const good = { ...chunk, error };
    const fault = await faultOf('chat', (res) =>
      sendEvents(res, [
        [null, good],
        [null, good],
      ]),
    );
    expect(fault).toMatchObject({ code: 'PROVIDER_STREAM_CUT' });
  });
});

test("Gemini's retryDelay is a retry-after, and its quota then a limit that passes", async () => {
  const body = [
    {
      error: {
        code: 429,
        message: 'You exceeded your current quota, please check your plan and billing details.',
        status: 'RESOURCE_EXHAUSTED',
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.07s' }],
      },
    },
  ];
  const fault = await faultOf('chat', json(429, body));
  expect(fault).toMatchObject({ code: 'PROVIDER_RATE_LIMITED', retryAfterMs: 34_070 });
  const header = await faultOf('chat', json(429, body, { 'retry-after': '5' }));
  expect(header).toMatchObject({ retryAfterMs: 5_000 });
});

test.each([
  ['{"error":{"retry_after":1e400,"message":"slow"}}', undefined],
  ['{"error":{"retry_after_ms":1e400,"retry_after":2}}', 2_000],
  ['{"error":{"retry_after":-5}}', undefined],
  ['{"error":{"retry_after":"7"}}', 7_000],
  ['{"error":{"retry_after":""}}', undefined],
  ['{"error":{"retry_after":{"a":1}}}', undefined],
  [`{"error":{"retryDelay":"${'9'.repeat(400)}s"}}`, undefined],
])('a wait of %j is a figure or none', async (body, expected) => {
  const fault = await faultOf('chat', (res) => res.writeHead(429).end(body));
  expect(fault).toMatchObject({ code: 'PROVIDER_RATE_LIMITED' });
  expect(fault.retryAfterMs).toBe(expected);
});

test('the day on which access comes back is in the message and in the remedy', async () => {
  const message =
    'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.';
  const fault = await faultOf(
    'messages',
    json(400, { type: 'error', error: { type: 'invalid_request_error', message } }),
  );
  expect(fault.message).toContain('regain access on 2026-12-01');
  expect(fault.remedy).toBe('Raise the limit of the account, or enqueue the task again after 2026-12-01 at 00:00 UTC.');
});

test('the words beside the field "error", and those inside it, are in the message', async () => {
  const fault = await faultOf('chat', json(400, raw({ error: { message: 'model is gone' } })));
  expect(fault.message).toBe('Provider "acme" answered 400: Provider returned error: model is gone');
  const bare = await faultOf('chat', json(400, { object: 'error', message: 'no such model', type: 'NotFoundError' }));
  expect(bare.message).toBe('Provider "acme" has no model "sim-model": it answered 400: no such model');
});

test.each(['1', '1 ', '1 > ', '1 + ', 'max_tokens', 'violat', 'insufficient ', '{"error":', 'context length is 1 '])(
  'a complaint of many %j does not block the process',
  async (part) => {
    const message = part.repeat(Math.floor(250_000 / part.length));
    const startedMs = performance.now();
    const fault = await faultOf('chat', json(400, { error: { message, code: message } }));
    expect(fault.httpStatus).toBe(400);
    expect(performance.now() - startedMs).toBeLessThan(1_500);
  },
);

test('bare words inside a stream are a note, unless a status stands beside them', async () => {
  const fault = await faultOf('chat', (res) => sendEvents(res, [[null, { message: 'you are number 3 in the queue' }]]));
  expect(fault.code).toBe('PROVIDER_STREAM_CUT');
  const failed = await faultOf('chat', (res) => sendEvents(res, [[null, { message: 'busy', code: '503' }]]));
  expect(failed.code).toBe('PROVIDER_OVERLOADED');
});

test('a complaint of great depth or length is read to a bound', async () => {
  const deep = `${'{"error":'.repeat(9_000)}{"message":"at the bottom"}${'}'.repeat(9_000)}`;
  const fault = await faultOf('chat', (res) => res.writeHead(400).end(deep));
  expect(fault).toMatchObject({ code: 'PROVIDER_REFUSED_REQUEST', httpStatus: 400 });
  const wide = { errors: Array.from({ length: 9_000 }, (_, at) => ({ message: `word ${at}` })) };
  expect((await faultOf('chat', json(400, wide))).message.length).toBeLessThan(2_000);
});
