import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, test } from 'vitest';
import { Turn } from '../../../src/contract/checkpoint.ts';
import type { ReasoningEffort } from '../../../src/contract/effort.ts';
import type { Wire } from '../../../src/contract/route.ts';
import type { Simulator } from '../../../src/entries/simulator.ts';
import type { TranscriptEntry } from '../../../src/providers/model.ts';
import { ask, KEY, modelOf, providerAt, sendEvents, serve, simulate, WIRES } from '../models.ts';

let sim: Simulator;
afterEach(() => sim?.close());

const TOOLS = [
  { name: 'add', description: 'Adds.', parameters: { type: 'object', properties: { a: { type: 'number' } } } },
];
const live = () => new AbortController().signal;

function lastBody(): Record<string, unknown> {
  return JSON.parse(sim.requests().at(-1)?.body ?? '{}');
}

function conversationOf({ input, messages }: Record<string, unknown>): unknown {
  return messages ?? input;
}

/** How the wire puts the blocks of an assistant's turn into a conversation. */
function asSent(wire: Wire, native: Turn['native']): unknown[] {
  if (wire === 'messages') return [{ role: 'assistant', content: native }];
  return Array.isArray(native) ? native : [native];
}

describe.each(WIRES)('a turn on the %s wire', (wire) => {
  test('comes back with text, usage, request id and the key of its provider on the wire', async () => {
    sim = await simulate({ text: 'Quite well, thanks.', tokens: 7, input_tokens: 90, cached_input_tokens: 40 });
    const pieces: string[] = [];
    const turn = await modelOf(providerAt(wire, sim.url)).model.turn(
      ask('How are you?', { onText: (piece) => pieces.push(piece) }),
      live(),
    );
    expect(Turn.parse(turn)).toMatchObject({
      text: 'Quite well, thanks.',
      tool_calls: [],
      stop: 'answer',
      usage: { input_tokens: 90, cached_input_tokens: 40, output_tokens: 7, reasoning_tokens: 0 },
      cost_usd: null,
      request_id: expect.any(String),
    });
    expect(pieces.join('')).toBe(turn.text);
    expect(pieces.length).toBeGreaterThan(1);
    expect(sim.requests()[0]).toMatchObject({ wire, key: KEY, model: 'sim-model', is_stream: true });
  });

  test('sends the system prompt, and is billed for thinking and cache writes', async () => {
    const tokens = {
      tokens: 7,
      reasoning_tokens: 5,
      input_tokens: 90,
      cached_input_tokens: 40,
      cache_write_tokens: 30,
    };
    sim = await simulate({ text: 'Well.', reasoning: 'Hm.', ...tokens });
    const turn = await modelOf(providerAt(wire, sim.url)).model.turn(
      ask('How are you?', { system: 'Be very brief.' }),
      live(),
    );
    expect(turn.usage).toEqual({ input_tokens: 90, cached_input_tokens: 40, output_tokens: 12, reasoning_tokens: 5 });
    const { instructions, system, messages } = lastBody();
    const first = Array.isArray(messages) ? messages[0] : undefined;
    expect(instructions ?? system ?? first.content).toBe('Be very brief.');
  });

  test('echoes its own blocks verbatim on the next turn, with the results of its tools', async () => {
    sim = await simulate(
      { tool: 'add', args: { a: 1 }, text: 'Adding.', reasoning: 'I should add.' },
      { text: 'Two.' },
    );
    const { model } = modelOf(providerAt(wire, sim.url));
    const first = await model.turn(ask('One and one?', { tools: TOOLS }), live());
    expect(first.stop).toBe('tools');
    expect(first.tool_calls).toMatchObject([{ name: 'add', arguments: '{"a":1}' }]);
    const transcript: TranscriptEntry[] = [
      { role: 'user', text: 'One and one?' },
      { role: 'assistant', native: structuredClone(first.native) },
      { role: 'tools', results: [{ call_id: first.tool_calls[0]?.id ?? '', text: '2', is_error: false }] },
    ];
    const second = await model.turn(ask('', { transcript, tools: TOOLS }), live());
    expect(second.text).toBe('Two.');
    const messages = conversationOf(lastBody());
    expect(messages).toEqual(expect.arrayContaining(asSent(wire, first.native)));
    expect(JSON.stringify(messages)).toContain('I should add.');
    expect(JSON.stringify(messages)).toContain(first.tool_calls[0]?.id);
  });

  test('keeps two tool calls of one turn apart', async () => {
    sim = await simulate();
    const prompt = '[[sim: tool=add args={"a":1}]] [[sim: tool=add args={"a":2} parallel]]';
    const turn = await modelOf(providerAt(wire, sim.url)).model.turn(ask(prompt, { tools: TOOLS }), live());
    expect(turn.tool_calls.map((call) => call.arguments)).toEqual(['{"a":1}', '{"a":2}']);
    expect(new Set(turn.tool_calls.map((call) => call.id)).size).toBe(2);
  });

  test('keeps tool arguments that do not parse as the model wrote them', async () => {
    sim = await simulate({ tool: 'add', args: '{"a": 1' });
    const turn = await modelOf(providerAt(wire, sim.url)).model.turn(ask('x', { tools: TOOLS }), live());
    expect(turn.tool_calls[0]?.arguments).toBe('{"a": 1');
  });

  test.each([
    [{ stop: 'length', text: 'cut' }, 'length'],
    [{ stop: 'filter', text: 'cut' }, 'refusal'],
    [{ refusal: true }, 'refusal'],
  ] as const)('that ends with %j says so', async (directive, stop) => {
    sim = await simulate(directive);
    expect(await modelOf(providerAt(wire, sim.url)).model.turn(ask(), live())).toMatchObject({ stop });
  });

  test("asks for no more output than the provider's limit", async () => {
    sim = await simulate();
    const provider = providerAt(wire, sim.url, { max_output_tokens: 1_500 });
    await modelOf(provider).model.turn(ask('x', { maxOutputTokens: 9_999 }), live());
    const { max_output_tokens, max_completion_tokens, max_tokens } = lastBody();
    expect(max_output_tokens ?? max_completion_tokens ?? max_tokens).toBe(1_500);
  });
});

describe('effort on the wire', () => {
  const cases: [Wire, string, ReasoningEffort | undefined, Record<string, unknown>][] = [
    ['responses', 'gpt-5.6-sol', 'max', { 'reasoning.effort': 'max' }],
    ['responses', 'gpt-5.6-sol', 'none', { 'reasoning.effort': 'none' }],
    ['responses', 'gpt-6-astra', 'none', { 'reasoning.effort': 'low' }],
    ['responses', 'gpt-4.1', 'high', {}],
    ['responses', 'gpt-5.6-sol', undefined, {}],
    ['chat', 'some-model', 'xhigh', { reasoning_effort: 'high' }],
    ['chat', 'gpt-5', 'minimal', { reasoning_effort: 'minimal' }],
    ['messages', 'claude-opus-5-5', 'xhigh', { 'output_config.effort': 'xhigh', thinking: { type: 'adaptive' } }],
    ['messages', 'claude-opus-5-5', 'none', { 'output_config.effort': 'low', thinking: { type: 'adaptive' } }],
    ['messages', 'claude-opus-4-7', 'none', { thinking: { type: 'disabled' } }],
    ['messages', 'claude-haiku-4-5', 'low', { thinking: { type: 'enabled', budget_tokens: 1_500 } }],
    ['messages', 'claude-opus-5-5', undefined, {}],
    ['messages', 'minimax-m3', 'medium', { 'output_config.effort': 'medium' }],
  ];
  test.each(cases)('%s: %s asked for %s is sent as %j [B77] [B79]', async (wire, name, effort, expected) => {
    sim = await simulate();
    await modelOf(providerAt(wire, sim.url), name, effort).model.turn(ask(), live());
    expect(sim.requests()[0]?.effort).toEqual(expected);
  });

  test.each([
    ['high', 16_384, 12_288],
    ['high', 32_000, 20_480],
    ['max', 16_384, 12_288],
    ['low', 1_366, 1_024],
  ] as const)(
    'thinking at %s within %i tokens takes %i and leaves the rest to the answer',
    async (effort, most, budget) => {
      sim = await simulate();
      const { model } = modelOf(providerAt('messages', sim.url), 'claude-haiku-4-5', effort);
      await model.turn(ask('x', { maxOutputTokens: most }), live());
      expect(lastBody()).toMatchObject({ max_tokens: most, thinking: { type: 'enabled', budget_tokens: budget } });
    },
  );

  test('a thinking budget that no longer fits is told, not sent', async () => {
    sim = await simulate();
    const { model } = modelOf(providerAt('messages', sim.url), 'claude-haiku-4-5', 'low');
    await expect(model.turn(ask('x', { maxOutputTokens: 1_365 }), live())).rejects.toMatchObject({
      code: 'BUDGET_TOKENS',
    });
    expect(sim.requests()).toEqual([]);
  });
});

test('the responses wire stores nothing at the provider and asks for its reasoning', async () => {
  sim = await simulate();
  await modelOf(providerAt('responses', sim.url)).model.turn(ask(), live());
  expect(lastBody()).toMatchObject({ store: false, include: ['reasoning.encrypted_content'] });
});

test('the chat wire keeps fields it does not know for the next turn', async () => {
  const chunks = [
    { role: 'assistant', content: '', reasoning_content: 'Let me ' },
    { reasoning_content: 'see.', reasoning_details: [{ index: 0, type: 'reasoning.text', text: 'Let ' }] },
    { reasoning_details: [{ index: 0, type: 'reasoning.text', text: 'me.', signature: 's1' }] },
    { tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a"' } }] },
    { tool_calls: [{ index: 0, id: 'c1', function: { name: 'add', arguments: ':1}' } }] },
    { tool_calls: [{ index: 0, extra_content: { google: { thought_signature: 't1' } } }] },
  ].map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] }));
  const end = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
  const server = await serve((_, res) =>
    sendEvents(
      res,
      [...chunks, end, '[DONE]'].map((data) => [null, data]),
    ),
  );
  const turn = await modelOf(providerAt('chat', server.url)).model.turn(ask(), live());
  await server.close();
  expect(turn).toMatchObject({ stop: 'tools', cost_usd: null, usage: { input_tokens: 0 } });
  expect(turn.native).toEqual({
    role: 'assistant',
    content: '',
    reasoning_content: 'Let me see.',
    reasoning_details: [{ index: 0, type: 'reasoning.text', text: 'Let me.', signature: 's1' }],
    tool_calls: [
      {
        id: 'c1',
        type: 'function',
        function: { name: 'add', arguments: '{"a":1}' },
        extra_content: { google: { thought_signature: 't1' } },
      },
    ],
  });
});

test('an answer cut by the context window is not reported as a limit one could raise', async () => {
  const usage = { input_tokens: 199_000, output_tokens: 1_000 };
  const events: [string, object][] = [
    ['message_start', { message: { id: 'm1', type: 'message', role: 'assistant', content: [], usage } }],
    ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
    ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'As far as' } }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', { delta: { stop_reason: 'model_context_window_exceeded' }, usage }],
    ['message_stop', {}],
  ];
  const server = await serve((_, res) =>
    sendEvents(
      res,
      events.map(([type, more]) => [type, { type, ...more }]),
    ),
  );
  const turn = modelOf(providerAt('messages', server.url), 'claude-opus-5-5').model.turn(ask(), live());
  await expect(turn).rejects.toMatchObject({
    code: 'CONTEXT_TOO_LONG',
    message: expect.stringContaining('claude-opus-5-5'),
  });
  await server.close();
});

test('the messages wire sends the API version that its SDK was made for', async () => {
  sim = await simulate();
  await modelOf(providerAt('messages', sim.url)).model.turn(ask(), live());
  const sdk = new Anthropic({ apiKey: 'k', baseURL: sim.url, logLevel: 'off' });
  await sdk.messages.create({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] });
  const [ours, theirs] = sim.requests().map((request) => request.headers['anthropic-version']);
  expect(ours).toBe(theirs);
});
