import { describe, expect, test } from 'vitest';
import { Turn } from '../../../src/contract/checkpoint.ts';
import type { Wire } from '../../../src/contract/route.ts';
import { events, rawProvider } from '../../helpers/raw-provider.ts';
import { ask, modelOf, providerAt } from '../models.ts';

const A = '{"path":"a.txt","content":"A"}';
const B = '{"path":"b.txt","content":"B"}';

async function turnOf(wire: Wire, ...sent: object[]): Promise<Turn> {
  const { url } = await rawProvider(events(...sent));
  return Turn.parse(await modelOf(providerAt(wire, url), 'm').model.turn(ask(), new AbortController().signal));
}

/** The calls that these fragments make on the chat wire, with each fragment in its own delta. */
async function callsOf(...fragments: object[]): Promise<Turn['tool_calls']> {
  const deltas = fragments.map((fragment) => ({ choices: [{ delta: { tool_calls: [fragment] } }] }));
  return (await turnOf('chat', ...deltas, { choices: [{ delta: {}, finish_reason: 'tool_calls' }] })).tool_calls;
}

const write = (args?: unknown) => ({ name: 'write_file', ...(args !== undefined && { arguments: args }) });
const one = { id: 'call_a', name: 'write_file', arguments: A };

describe('one call comes of fragments', () => {
  const CASES: [string, object[]][] = [
    [
      'that repeat id and name as empty texts',
      [
        { index: 0, id: 'call_a', function: write('{"path":') },
        { index: 0, id: '', function: { name: '', arguments: '"a.txt","content":"A"}' } },
      ],
    ],
    [
      'of which the second has another id and no name',
      [
        { index: 0, id: 'call_a', function: write('') },
        { index: 0, id: 'call_b', function: { arguments: A } },
      ],
    ],
    [
      'without an index',
      [
        { id: 'call_a', function: write('') },
        { id: '', type: '', function: { arguments: A } },
      ],
    ],
    [
      'of which only the first has an index',
      [{ index: 0, id: 'call_a', function: write('') }, { function: { arguments: A } }],
    ],
    [
      'of which only the later ones have an index',
      [
        { id: 'call_a', function: write() },
        { index: 0, function: { arguments: A } },
      ],
    ],
    ['that all repeat the name', [...A].map((piece) => ({ index: 0, id: 'call_a', function: write(piece) }))],
    [
      'that all repeat the name and have no id but the first',
      [...A].map((piece, at) => ({ index: 0, id: at === 0 ? 'call_a' : '', function: write(piece) })),
    ],
    [
      'that repeat the name once more after the last',
      [
        { index: 0, id: 'call_a', function: write(A) },
        { index: 0, id: '', function: write('') },
      ],
    ],
    [
      'that are sent again whole',
      [
        { index: 0, id: 'call_a', function: write(A) },
        { index: 0, id: 'call_a', function: write(A) },
      ],
    ],
    [
      'that end with the whole call again',
      [
        { index: 0, id: 'call_a', function: write('{"path":"a.txt"') },
        { index: 0, function: { arguments: ',"content":"A"}' } },
        { index: 0, id: 'call_a', function: write(A) },
      ],
    ],
    ['with null for what they do not have', [{ index: null, id: 'call_a', type: null, function: write(A) }]],
    ['with their arguments as an object', [{ index: 0, id: 'call_a', function: write(JSON.parse(A)) }]],
  ];
  test.each(CASES)('%s', async (_, fragments) => {
    expect(await callsOf(...fragments)).toEqual([one]);
  });

  test('whose arguments are cut: it is kept as it came', async () => {
    const calls = await callsOf({ index: 0, id: 'call_a', function: write('{"path":') });
    expect(calls).toEqual([{ ...one, arguments: '{"path":' }]);
  });
});

describe('two calls come of fragments', () => {
  const CASES: [string, object[]][] = [
    ['at one index with one id each', [fragment(0, 'call_a', A), fragment(0, 'call_b', B)]],
    ['at one index without ids', [fragment(0, '', A), fragment(0, '', B)]],
    ['without indices or ids', [{ function: write(A) }, { function: write(B) }]],
    [
      'at one index, told apart by id while the first is open',
      [
        { index: 0, id: 'call_a', function: write('') },
        { index: 0, id: 'call_b', function: write('') },
        { index: 0, id: 'call_a', function: { arguments: A } },
        { index: 0, id: 'call_b', function: { arguments: B } },
      ],
    ],
    [
      'that alternate',
      [
        { index: 0, id: 'call_a', function: write('') },
        { index: 1, id: 'call_b', function: write('') },
        ...[...B].map((piece, at) => ({ index: at % 2, function: { arguments: at % 2 ? '' : '', x: piece } })),
        { index: 1, function: { arguments: B } },
        { index: 0, function: { arguments: A } },
      ],
    ],
    ['out of order', [fragment(1, 'call_b', B), fragment(0, 'call_a', A)]],
  ];
  test.each(CASES)('%s', async (_, fragments) => {
    const calls = await callsOf(...fragments);
    expect(calls.map(({ arguments: args }) => args)).toEqual([A, B]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  });

  test('whose arguments hold quotes, braces and escapes', async () => {
    const odd = ['{"a":"}{\\"","b":[{}]} ', '{"a":"\\\\"}', '{}'];
    const calls = await callsOf(...odd.map((args) => fragment(0, '', args)));
    expect(calls.map(({ arguments: args }) => args)).toEqual(odd);
  });

  function fragment(index: number, id: string, args: string): object {
    return { index, id, type: 'function', function: write(args) };
  }
});

test('a long call in short fragments that repeat its name takes linear time', async () => {
  const args = JSON.stringify({ text: '}'.repeat(200_000) });
  const pieces = args.match(/.{1,20}/g) ?? [];
  const startedMs = performance.now();
  const calls = await callsOf(...pieces.map((piece) => ({ index: 0, id: '', function: write(piece) })));
  expect(calls).toMatchObject([{ arguments: args }]);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

test('a call in the field that came before tool_calls is a call', async () => {
  const delta = { function_call: { name: 'write_file', arguments: A } };
  const turn = await turnOf('chat', { choices: [{ delta, finish_reason: 'function_call' }] });
  expect(turn).toMatchObject({ stop: 'tools', tool_calls: [{ name: 'write_file', arguments: A }] });
});

describe('on the messages wire', () => {
  const start = { type: 'message_start', message: {} };
  const end = [{ type: 'message_delta', delta: { stop_reason: 'tool_use' } }, { type: 'message_stop' }];
  const begin = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block });
  const delta = (index: number, more: object) => ({ type: 'content_block_delta', index, delta: more });
  const stop = (index: number) => ({ type: 'content_block_stop', index });
  const call = (id: string) => ({ type: 'tool_use', id, name: 'write_file', input: {} });
  const input = (partial_json: string) => ({ type: 'input_json_delta', partial_json });

  test('blocks that share an index are all kept', async () => {
    const text = [begin(0, { type: 'text', text: '' }), delta(0, { type: 'text_delta', text: 'Writing.' }), stop(0)];
    const calls = ['a', 'b'].flatMap((id) => [begin(0, call(id)), delta(0, input(id === 'a' ? A : B)), stop(0)]);
    const turn = await turnOf('messages', start, ...text, ...calls, ...end);
    expect(turn).toMatchObject({ text: 'Writing.', tool_calls: [{ arguments: A }, { arguments: B }] });
  });

  test('a call that is sent twice is one', async () => {
    const sent = [begin(0, call('a')), delta(0, input(A)), stop(0)];
    const turn = await turnOf('messages', start, ...sent, ...sent, ...end);
    expect(turn.tool_calls).toEqual([{ id: 'a', name: 'write_file', arguments: A }]);
  });

  test('text and thoughts need no start, and a start needs no text', async () => {
    const turn = await turnOf(
      'messages',
      start,
      delta(0, { type: 'thinking_delta', thinking: 'Hm.' }),
      delta(0, { type: 'signature_delta', signature: 's' }),
      begin(1, { type: 'text' }),
      delta(1, { type: 'text_delta', text: 'Yes.' }),
      ...end,
    );
    expect(turn).toMatchObject({ text: 'Yes.', stop: 'answer' });
    expect(turn.native).toEqual([
      { type: 'thinking', thinking: 'Hm.', signature: 's' },
      { type: 'text', text: 'Yes.' },
    ]);
  });

  test('the input of a call that never began is a fault of the provider', async () => {
    await expect(turnOf('messages', start, delta(0, input(A)), ...end)).rejects.toMatchObject({
      code: 'PROVIDER_MALFORMED',
    });
  });
});

describe('on the responses wire', () => {
  const callItem = { type: 'function_call', id: 'fc_1', call_id: 'call_a', name: 'write_file', arguments: A };
  const message = { type: 'message', id: 'msg_1', content: [{ type: 'output_text', text: 'I wrote it' }] };
  const done = (item: object, output_index: number | undefined = 0) => {
    return { type: 'response.output_item.done', ...(output_index !== undefined && { output_index }), item };
  };
  const added = (item: object, output_index = 0) => ({ type: 'response.output_item.added', output_index, item });
  const completed = (more: object = {}) => ({
    type: 'response.completed',
    response: { id: 'resp_1', status: 'completed', ...more },
  });
  const says = (delta: string, more: object = {}) => ({ type: 'response.output_text.delta', delta, ...more });

  test('items that share an index are all kept', async () => {
    const turn = await turnOf('responses', done(callItem), done(message), completed());
    expect(turn).toMatchObject({ stop: 'tools', text: 'I wrote it', tool_calls: [{ id: 'call_a', arguments: A }] });
  });

  test('two calls that share an index, with or without ids, are two', async () => {
    const other = { ...callItem, id: 'fc_2', call_id: 'call_b', arguments: B };
    const bare = [callItem, other].map(({ id: _, call_id: __, ...item }) => item);
    for (const items of [[callItem, other], bare]) {
      const turn = await turnOf('responses', ...items.map((item) => done(item)), completed());
      expect(turn.tool_calls.map(({ arguments: args }) => args)).toEqual([A, B]);
    }
  });

  test('an item that is sent twice is one', async () => {
    const turn = await turnOf('responses', added(callItem), done(callItem), done(callItem), completed());
    expect(turn.tool_calls).toHaveLength(1);
  });

  test('text in deltas alone is the answer', async () => {
    const turn = await turnOf('responses', says('final '), says('answer'), completed({ output: [] }));
    expect(turn).toMatchObject({ stop: 'answer', text: 'final answer' });
    const named = { output_index: 0, item_id: 'msg_1', content_index: 0 };
    const item = { type: 'message', id: 'msg_1', role: 'assistant', content: [] };
    const events = [added(item), says('final ', named), says('answer', named), completed({ output: [item] })];
    expect(await turnOf('responses', ...events)).toMatchObject({ text: 'final answer' });
  });

  test('a call in deltas alone is a call', async () => {
    const { arguments: _, ...item } = callItem;
    const more = (delta: string) => ({ type: 'response.function_call_arguments.delta', output_index: 0, delta });
    const sent = [added({ ...item, arguments: '' }), more(A.slice(0, 9)), more(A.slice(9))];
    expect((await turnOf('responses', ...sent, completed())).tool_calls).toEqual([one]);
    const whole = { type: 'response.function_call_arguments.done', output_index: 0, item_id: 'fc_1', arguments: A };
    expect((await turnOf('responses', ...sent.slice(0, 2), whole, completed())).tool_calls).toEqual([one]);
  });

  test('items that only the terminal event holds count, in its order', async () => {
    const output = [message, callItem];
    expect(await turnOf('responses', completed({ output }))).toMatchObject({ text: 'I wrote it', tool_calls: [one] });
    expect(await turnOf('responses', done(message), completed({ output }))).toMatchObject({ tool_calls: [one] });
    expect(await turnOf('responses', done(callItem), completed({ output: [message, message] }))).toMatchObject({
      tool_calls: [one],
    });
  });

  test('items without an index follow each other', async () => {
    const turn = await turnOf('responses', done(callItem, undefined), done(message, undefined), completed());
    expect(turn).toMatchObject({ text: 'I wrote it', tool_calls: [one] });
  });

  test('a thought that only the terminal event holds encrypted goes back encrypted', async () => {
    const thought = { type: 'reasoning', id: 'rs_1', summary: [] };
    const output = [{ ...thought, encrypted_content: 'sealed' }, callItem];
    const turn = await turnOf('responses', done(thought, 0), done(callItem, 1), completed({ output }));
    expect(turn.native).toMatchObject([{ encrypted_content: 'sealed' }, { call_id: 'call_a' }]);
  });

  test.each([
    ['failed', { error: { code: 'server_error', message: 'it broke' } }, 'PROVIDER_FAILED', 'it broke'],
    ['failed', { error: { code: 'rate_limit_exceeded', message: 'slow' } }, 'PROVIDER_RATE_LIMITED', 'slow'],
    ['failed', { error: null }, 'PROVIDER_FAILED', 'failed'],
    ['failed', {}, 'PROVIDER_FAILED', 'failed'],
    ['cancelled', {}, 'PROVIDER_FAILED', 'cancelled'],
  ])('a response that completes as %s with %j is a failure', async (status, more, code, words) => {
    const output = [{ type: 'message', content: [{ type: 'output_text', text: 'part' }] }];
    await expect(turnOf('responses', completed({ status, output, ...more }))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });
});
