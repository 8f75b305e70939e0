import { describe, expect, test } from 'vitest';
import { MAX_DEPTH } from '../../../src/base/foreign.ts';
import { Provider } from '../../../src/catalogue/provider.ts';
import { Turn } from '../../../src/contract/checkpoint.ts';
import type { Wire } from '../../../src/contract/route.ts';
import type { TranscriptEntry } from '../../../src/providers/model.ts';
import { CallIds } from '../../../src/providers/wires/call-ids.ts';
import { ChatEcho } from '../../../src/providers/wires/chat-echo.ts';
import { conversationIn, events, rawProvider, type Said, turnEvents } from '../../helpers/raw-provider.ts';
import { ask, modelOf, providerAt, WIRES } from '../models.ts';

const live = () => new AbortController().signal;
const TOOLS = [{ name: 'add', description: 'Adds.', parameters: { type: 'object' } }];
const DONE = { text: 'Done.' };

/** The conversation of an attempt that takes recorded turns over: each turn with a result for each of its calls. */
function conversationOf(turns: Turn[]): TranscriptEntry[] {
  const told = turns.map((turn) => Turn.parse(JSON.parse(JSON.stringify(turn))));
  return [
    { role: 'user', text: 'Begin.' },
    ...told.flatMap(({ native, tool_calls }): TranscriptEntry[] => [
      { role: 'assistant', native },
      {
        role: 'tools',
        results: tool_calls.map(({ id }, at) => ({ call_id: id, text: `result ${at}`, is_error: false })),
      },
    ]),
  ];
}

type Sent = { conversation: Record<string, unknown>[]; turns: Turn[] };

/** Runs turns with these events, each with the turns before it, and returns what was sent with the last turn. */
async function converse(wire: Wire, said: object[][], more: Record<string, unknown> = {}, model = 'm'): Promise<Sent> {
  const answers = [...said, turnEvents(wire, DONE)].map((turn) => events(...turn));
  const provider = await rawProvider(...answers);
  const turns: Turn[] = [];
  for (const _ of answers) {
    const opened = modelOf(providerAt(wire, provider.url, more), model);
    turns.push(await opened.model.turn(ask('', { transcript: conversationOf(turns), tools: TOOLS }), live()));
  }
  const [question, ...conversation] = conversationIn(provider.requests.at(-1)).filter(({ role }) => role !== 'system');
  expect(question).toMatchObject({ role: 'user' });
  return { conversation, turns };
}

const says = (wire: Wire, ...said: Said[]) => said.map((turn) => turnEvents(wire, turn));

/** The calls and the results in a conversation, by their ids. */
function tiesIn(wire: Wire, { conversation }: Sent): { calls: string[]; results: string[] } {
  const parts = conversation.flatMap((entry): Record<string, unknown>[] => {
    if (wire === 'chat') return entry.role === 'assistant' ? (entry.tool_calls as []) : [entry];
    return wire === 'messages' ? (entry.content as []) : [entry];
  });
  const call = { chat: 'id', messages: 'id', responses: 'call_id' }[wire];
  const result = { chat: 'tool_call_id', messages: 'tool_use_id', responses: 'call_id' }[wire];
  const isResult = (part: Record<string, unknown>) =>
    ['tool_result', 'function_call_output'].includes(String(part.type)) || part.role === 'tool';
  const isCall = (part: Record<string, unknown>) =>
    ['tool_use', 'function_call', 'function'].includes(String(part.type));
  return {
    calls: parts.filter(isCall).map((part) => String(part[call])),
    results: parts.filter(isResult).map((part) => String(part[result])),
  };
}

const calls = (...ids: string[]) => ids.map((id, at) => ({ id, name: 'add', args: `{"n":${at}}` }));

describe.each(WIRES)('on the %s wire', (wire) => {
  test('a missing or duplicate id gets a new id, over all turns', async () => {
    const turns = says(wire, { calls: calls('', 'x', 'x', '') }, { calls: calls('x', '', 'y') });
    const sent = await converse(wire, turns);
    const { calls: given, results } = tiesIn(wire, sent);
    expect(new Set(given).size).toBe(7);
    expect(given).toEqual(expect.arrayContaining(['x', 'y']));
    expect(given.every((id) => /^\w{1,9}$/.test(id))).toBe(true);
    expect(results).toEqual(given);
    expect(sent.turns.flatMap(({ tool_calls }) => tool_calls.map(({ id }) => id))).toEqual(given);
  });

  test('an attempt that takes the conversation over assigns the same ids', async () => {
    const turns = says(wire, { calls: calls('', 'x', 'x') }, { calls: calls('x', '') });
    const [one, other] = [await converse(wire, turns), await converse(wire, turns)];
    expect(one.conversation).toEqual(other.conversation);
    expect(one.conversation.length).toBeGreaterThan(3);
  });

  test('arguments that are not the JSON of an object go back as an empty object', async () => {
    const args = ['', '{"a":', 'nonsense', '[1]', '5', 'null', '"text"', '{"a":1}'];
    const said = { calls: args.map((text, at) => ({ id: `c${at}`, name: 'add', args: text })) };
    const sent = await converse(wire, says(wire, said));
    const texts = JSON.stringify(sent.conversation);
    const echoed = texts.match(/"(arguments|input)":("(\\.|[^"\\])*"|\{[^}]*\})/g) ?? [];
    const empty = wire === 'messages' ? '"input":{}' : '"arguments":"{}"';
    const kept = wire === 'messages' ? '"input":{"a":1}' : '"arguments":"{\\"a\\":1}"';
    expect(echoed).toEqual([...Array(7).fill(empty), kept]);
    expect(sent.turns[0]?.tool_calls.map((call) => call.arguments)).toEqual(
      wire === 'messages' ? ['{}', ...args.slice(1)] : args,
    );
  });

  test('arguments nested as deep as JSON may be go back', async () => {
    const args = `{"a":${'['.repeat(MAX_DEPTH - 1)}${']'.repeat(MAX_DEPTH - 1)}}`;
    const { conversation } = await converse(wire, says(wire, { calls: [{ id: 'a', name: 'add', args }] }));
    expect(JSON.stringify(conversation)).toContain('['.repeat(MAX_DEPTH - 1));
    const deeper = `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    const sent = await converse(wire, says(wire, { calls: [{ id: 'a', name: 'add', args: deeper }] }));
    expect(sent.turns[0]?.stop).toBe('tools');
  });

  test('an invalid tool name is sent again as a valid name', async () => {
    const said = {
      calls: [calls('a')[0], { id: 'b', name: 'rm -rf /', args: '{}' }, { id: 'c', name: '', args: '{}' }],
    };
    const sent = await converse(wire, says(wire, said as Said));
    const texts = JSON.stringify(sent.conversation);
    expect([...texts.matchAll(/"name":"([^"]*)"/g)].map(([, name]) => name)).toEqual(['add', 'rm_-rf__', 'unnamed']);
  });

  test('half characters are replaced', async () => {
    const broken = { text: 'a\ud83d', calls: [{ id: 'a', name: 'add', args: '{"t":"\ud83d x \\ud83d"}' }] };
    const sent = await converse(wire, says(wire, broken));
    expect(sent.turns[0]?.text).toBe('a\ufffd');
    expect(JSON.stringify(sent.conversation)).not.toMatch(/\\ud[89a-f]/i);
  });

  test('a conversation recorded by an older version is corrected when it is sent', async () => {
    const recorded = await converse(wire, says(wire, { calls: calls('x', 'y') }));
    const [old] = JSON.parse(JSON.stringify(recorded.turns).replaceAll('"y"', '"x"')) as [Turn];
    const provider = await rawProvider(events(...turnEvents(wire, DONE)));
    const opened = modelOf(providerAt(wire, provider.url), 'm');
    await opened.model.turn(ask('', { transcript: conversationOf([old]), tools: TOOLS }), live());
    const conversation = conversationIn(provider.requests[0]).filter(({ role }) => role !== 'system');
    const ties = tiesIn(wire, { conversation: conversation.slice(1), turns: [] });
    expect(new Set(ties.calls).size).toBe(2);
    expect(ties.results).toEqual(ties.calls);
  });

  test.each([null, 5, 'text', {}, [], [null], [[]], [5], { role: 'tool', tool_calls: 7 }, [{ type: 7 }]])(
    'a turn recorded as %j is no reason to fail',
    async (native) => {
      const provider = await rawProvider(events(...turnEvents(wire, DONE)));
      const transcript: TranscriptEntry[] = [
        { role: 'user', text: 'x' },
        { role: 'assistant', native },
        { role: 'tools', results: [{ call_id: 'a', text: 'r', is_error: false }] },
      ];
      const { model } = modelOf(providerAt(wire, provider.url), 'm');
      expect(await model.turn(ask('', { transcript }), live())).toMatchObject({ text: 'Done.' });
    },
  );
});

test.each(WIRES)('on the %s wire, a character that arrives in two halves is whole', async (wire) => {
  const halves = ['Hi \ud83d', '\ude00', '\ud83d', '!'];
  const deltas: Record<Wire, (text: string) => object> = {
    chat: (content) => ({ choices: [{ delta: { content } }] }),
    messages: (text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
    responses: (delta) => ({ type: 'response.output_text.delta', output_index: 0, delta }),
  };
  const ends: Record<Wire, object[]> = {
    chat: [{ choices: [{ delta: {}, finish_reason: 'stop' }] }],
    messages: [{ type: 'message_delta', delta: { stop_reason: 'end_turn' } }, { type: 'message_stop' }],
    responses: [{ type: 'response.completed', response: { status: 'completed', output: [] } }],
  };
  const provider = await rawProvider(events(...halves.map(deltas[wire]), ...ends[wire]));
  const pieces: string[] = [];
  const onText = (piece: string) => void pieces.push(piece);
  const turn = await modelOf(providerAt(wire, provider.url), 'm').model.turn(ask('x', { onText }), live());
  expect(turn.text).toBe('Hi 😀\ufffd!');
  expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
  expect(pieces.join('')).toBe(turn.text);
});

test('text of white space beside a call is left out', async () => {
  for (const text of [' ', '\n\n', '']) {
    const said = { text, calls: calls('a') };
    const messages = await converse('messages', says('messages', said), {}, 'claude-opus-5-5');
    expect(messages.conversation[0]).toEqual({
      role: 'assistant',
      content: [{ type: 'tool_use', id: 'a', name: 'add', input: { n: 0 } }],
    });
    const chat = await converse('chat', says('chat', said));
    expect(chat.conversation[0]).toMatchObject({ content: null, tool_calls: [{ id: 'a' }] });
  }
});

describe('what a vendor adds to the chat wire', () => {
  const google = { google: { thought_signature: 'AbC+/=\u0000é' } };
  const call = {
    index: 0,
    id: 'a',
    type: 'function',
    function: { name: 'add', arguments: '{}' },
    extra_content: google,
  };
  const details = [{ index: 0, type: 'reasoning.encrypted', data: 'sealed+/==', format: 'x' }];
  const delta = {
    content: 'Hm.',
    reasoning: 'Thus',
    reasoning_content: 'So',
    reasoning_details: details,
    refusal: null,
  };
  const said = [[{ choices: [{ delta: { ...delta, tool_calls: [call] }, finish_reason: 'tool_calls' }] }]];
  const plain = {
    role: 'assistant',
    content: 'Hm.',
    tool_calls: [{ id: 'a', type: 'function', function: { name: 'add', arguments: '{}' } }],
  };

  test('goes back to it byte for byte', async () => {
    const { conversation } = await converse('chat', said);
    expect(conversation[0]).toEqual({
      ...plain,
      reasoning: 'Thus',
      reasoning_content: 'So',
      reasoning_details: details,
      tool_calls: [{ ...plain.tool_calls[0], extra_content: google }],
    });
  });

  test('is left out where the provider says so', async () => {
    const { conversation } = await converse('chat', said, { echo_extras: 'never' });
    expect(conversation[0]).toEqual(plain);
  });
});

describe('thoughts on the messages wire', () => {
  const blocks = [
    { type: 'thinking', thinking: 'Unsigned.' },
    { type: 'thinking', thinking: '', signature: 'sig+/==' },
    { type: 'redacted_thinking', data: 'sealed+/==' },
    { type: 'tool_use', id: 'a', name: 'add', input: {} },
  ];
  const said = [
    [
      ...blocks.map((content_block, index) => ({ type: 'content_block_start', index, content_block })),
      { type: 'message_delta', delta: { stop_reason: 'tool_use' } },
      { type: 'message_stop' },
    ],
  ];

  test('go back to Claude if they are signed, byte for byte', async () => {
    const { conversation } = await converse('messages', said, {}, 'claude-opus-5-5');
    expect(conversation[0]).toEqual({ role: 'assistant', content: blocks.slice(1) });
  });

  test('are left out if a signature was lost, whatever the model', async () => {
    const lost = ['', null, 5].map((signature) => ({ type: 'thinking', thinking: 'Hm.', signature }));
    const starts = [...lost, ...blocks.slice(3)].map((content_block, index) => {
      return { type: 'content_block_start', index, content_block };
    });
    const { conversation } = await converse('messages', [[...starts, ...(said[0] ?? []).slice(4)]], {}, 'deepseek-v4');
    expect(conversation[0]).toEqual({ role: 'assistant', content: blocks.slice(3) });
  });

  test('are left out if they never started and no signature came', async () => {
    const delta = { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm.' } };
    const call = { type: 'content_block_start', index: 1, content_block: blocks[3] };
    const { conversation } = await converse(
      'messages',
      [[delta, call, ...(said[0] ?? []).slice(4)]],
      {},
      'deepseek-v4',
    );
    expect(conversation[0]).toEqual({ role: 'assistant', content: blocks.slice(3) });
  });

  test('go back to other models as they came', async () => {
    const { conversation } = await converse('messages', said, {}, 'deepseek-v4');
    expect(conversation[0]).toEqual({ role: 'assistant', content: blocks });
  });
});

describe('thoughts on the responses wire', () => {
  const call = { type: 'function_call', id: 'fc_1', call_id: 'a', name: 'add', arguments: '{}' };
  const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'sealed+/==' };
  const { encrypted_content: _, ...bare } = sealed;
  const said = (...items: object[]) => [
    [
      ...items.map((item, output_index) => ({ type: 'response.output_item.done', output_index, item })),
      { type: 'response.completed', response: { id: 'resp_1', status: 'completed' } },
    ],
  ];

  test('go back byte for byte if they are encrypted', async () => {
    const { conversation } = await converse('responses', said(sealed, call));
    expect(conversation.slice(0, 2)).toEqual([sealed, call]);
  });

  test('are left out if they are not stored, with the ids that depend on them', async () => {
    const { conversation } = await converse('responses', said(bare, call));
    const { id: __, ...anonymous } = call;
    expect(conversation[0]).toEqual(anonymous);
  });

  test('go back as they are if the provider stores them', async () => {
    const { conversation } = await converse('responses', said(bare, call), { background: true });
    expect(conversation.slice(0, 2)).toEqual([bare, call]);
  });
});

test.each([
  ['https://api.groq.com/openai/v1', 'auto', false],
  ['https://api.mistral.ai/v1', 'auto', false],
  ['https://api.cerebras.ai/v1', 'auto', false],
  ['https://api.groq.com/openai/v1', 'always', true],
  ['https://api.deepseek.com', 'auto', true],
  ['https://api.groq.com.example/v1', 'auto', true],
])('reasoning goes back to %s with echo_extras %s: %s', (base_url, echo_extras, isEchoed) => {
  const provider = Provider.parse({ name: 'x', wire: 'chat', base_url, credential: 'none', echo_extras });
  const native = { role: 'assistant', content: 'Hm.', reasoning: 'Thus' };
  const [message] = new ChatEcho(provider, 'm', new CallIds('chat')).messagesOf([{ role: 'assistant', native }]);
  expect(message).toEqual({ role: 'assistant', content: 'Hm.', ...(isEchoed && { reasoning: 'Thus' }) });
});

test.each([
  [
    "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning' is unsupported)]",
    true,
  ],
  ["property 'reasoning_content' is unsupported", true],
  ['messages.2.reasoning_details: Extra inputs are not permitted', true],
  ["'reasoning_effort' is not supported with this model", false],
])('a provider that refuses its own reasoning is told how to get none: %s', async (message, isEcho) => {
  const provider = await rawProvider({
    status: 400,
    type: 'application/json',
    pieces: [JSON.stringify({ error: { message, type: 'invalid_request_error' } })],
  });
  const { model } = modelOf(providerAt('chat', provider.url), 'm');
  const fault = await model.turn(ask(), live()).catch((error: unknown) => error);
  expect(fault).toMatchObject({
    code: 'PROVIDER_REFUSED_REQUEST',
    remedy: expect.stringContaining(isEcho ? 'providers.acme.echo_extras to "never"' : 'efforts'),
  });
});
