import { describe, expect, test } from 'vitest';
import { Turn } from '../../../src/contract/checkpoint.ts';
import type { Wire } from '../../../src/contract/route.ts';
import type { Usage } from '../../../src/contract/usage.ts';
import { MAX_REPLY_BYTES } from '../../../src/providers/reply-budget.ts';
import { stopFor } from '../../../src/providers/wires/stop-words.ts';
import { events, rawProvider, turnEvents } from '../../helpers/raw-provider.ts';
import { ask, modelOf, providerAt, WIRES } from '../models.ts';

type Heard = { text: string; usage: Usage | undefined };

function start(wire: Wire, sent: unknown[], heard: Heard = { text: '', usage: undefined }): Promise<Turn> {
  const onText = (piece: string) => {
    heard.text += piece;
  };
  const onUsage = (usage: Usage) => {
    heard.usage = usage;
  };
  return rawProvider(events(...sent)).then(async ({ url }) => {
    const { model } = modelOf(providerAt(wire, url), 'm');
    return Turn.parse(await model.turn(ask('x', { onText, onUsage }), new AbortController().signal));
  });
}

describe('the words for the end of a turn', () => {
  const route = { provider: { name: 'acme' }, model: 'm' };
  test.each([
    ['stop', 'answer'],
    ['STOP', 'answer'],
    ['stop_sequence', 'answer'],
    ['eos', 'answer'],
    ['eos_token', 'answer'],
    ['end_turn', 'answer'],
    ['endTurn', 'answer'],
    ['completed', 'answer'],
    ['tool_calls', 'answer'],
    ['tool_use', 'answer'],
    ['function_call', 'answer'],
    ['length', 'length'],
    ['model_length', 'length'],
    ['max_tokens', 'length'],
    ['MAX_TOKENS', 'length'],
    ['max_output_tokens', 'length'],
    ['maxTokens', 'length'],
    ['token_limit', 'length'],
    ['content_filter', 'refusal'],
    ['content-filter', 'refusal'],
    ['sensitive', 'refusal'],
    ['SAFETY', 'refusal'],
    ['refusal', 'refusal'],
    ['PROHIBITED_CONTENT', 'refusal'],
    ['BLOCKLIST', 'refusal'],
  ])('%s means %s', (word, stop) => {
    expect(stopFor(route, word, false)).toBe(stop);
  });

  test.each(['stop', 'STOP', 'tool_calls', 'tool_use'])('%s of a turn with calls means tools', (word) => {
    expect(stopFor(route, word, true)).toBe('tools');
  });

  test.each([
    '',
    'error',
    'ERROR',
    'abort',
    'cancelled',
    'network_error',
    'insufficient_system_resource',
    'malformed_function_call',
    'MALFORMED_FUNCTION_CALL',
    'pause_turn',
    'some_new_reason',
    'toString',
    '__proto__',
    '42',
  ])('%j is no end', (word) => {
    expect(() => stopFor(route, word, false)).toThrow(expect.objectContaining({ code: 'PROVIDER_FAILED' }));
  });

  test.each(['model_context_window_exceeded', 'context_length_exceeded'])('%s is no limit of a task', (word) => {
    expect(() => stopFor(route, word, false)).toThrow(expect.objectContaining({ code: 'CONTEXT_TOO_LONG' }));
  });
});

describe.each(WIRES)('on the %s wire', (wire) => {
  const usage = wire === 'chat' ? { prompt_tokens: 9, completion_tokens: 4 } : { input_tokens: 9, output_tokens: 4 };
  const words: Record<Wire, { filter: string; unknown: object }> = {
    chat: { filter: 'content_filter', unknown: { stop: 'error' } },
    messages: { filter: 'refusal', unknown: { stop: 'model_context_window_exceeded' } },
    responses: { filter: 'content_filter', unknown: {} },
  };

  test('the tokens of a failed turn are reported before it fails', async () => {
    const said = turnEvents(wire, { text: 'Half an ans', usage, ...words[wire].unknown });
    const sent = wire === 'responses' ? failing(said) : said;
    const heard: Heard = { text: '', usage: undefined };
    await expect(start(wire, sent, heard)).rejects.toHaveProperty('code');
    expect(heard.usage).toMatchObject({ input_tokens: 9, output_tokens: 4 });
  });

  test('a filter is a refusal, and its tokens are counted', async () => {
    const turn = await start(wire, turnEvents(wire, { text: 'Half', usage, stop: words[wire].filter }));
    expect(turn).toMatchObject({ stop: 'refusal', usage: { output_tokens: 4 } });
  });

  test('a reply with more calls than a turn may have is too large', async () => {
    const calls = Array.from({ length: 129 }, (_, at) => ({ id: `c${at}`, name: 'add', args: '{}' }));
    const most = await start(wire, turnEvents(wire, { calls: calls.slice(0, 128) }));
    expect(most.tool_calls).toHaveLength(128);
    await expect(start(wire, turnEvents(wire, { calls }))).rejects.toMatchObject({
      code: 'PROVIDER_REPLY_TOO_LARGE',
    });
  });

  test('a reply above the stored size is too large; its usage and first words are kept', async () => {
    const heard: Heard = { text: '', usage: undefined };
    const text = 'Words. '.repeat(MAX_REPLY_BYTES / 7 / 2 + 1000);
    const said = turnEvents(wire, { text, usage });
    // A reply that is too large is not read to its end, where most servers of the chat wire report usage; some do so early.
    const sent = wire === 'chat' ? said.toReversed() : said;
    const turn = start(wire, sent, heard);
    await expect(turn).rejects.toMatchObject({ code: 'PROVIDER_REPLY_TOO_LARGE' });
    expect(heard.usage).toMatchObject({ input_tokens: 9 });
    if (wire !== 'responses') expect(heard.text.startsWith('Words.')).toBe(true);
  });
});

/** The same response, failed. */
function failing(said: object[]): object[] {
  const error = { code: 'server_error', message: 'it broke' };
  return said.map((event) => {
    const { response } = event as { response?: object };
    return response ? { type: 'response.failed', response: { ...response, status: 'failed', error } } : event;
  });
}

describe('too many blocks are too large', () => {
  const BLOCKS = 1_025;
  test('on the messages wire, at one index', async () => {
    const block = { type: 'content_block_start', index: 0, content_block: { type: 'redacted_thinking', data: 'x' } };
    await expect(start('messages', Array(BLOCKS).fill(block))).rejects.toMatchObject({
      code: 'PROVIDER_REPLY_TOO_LARGE',
    });
  });

  test('on the responses wire, at one index and in the terminal event', async () => {
    const items = Array.from({ length: BLOCKS }, (_, at) => ({ type: 'reasoning', id: `rs_${at}`, summary: [] }));
    const done = items.map((item) => ({ type: 'response.output_item.done', output_index: 0, item }));
    const end = { type: 'response.completed', response: { status: 'completed', output: items } };
    for (const sent of [done, [end]]) {
      await expect(start('responses', sent)).rejects.toMatchObject({ code: 'PROVIDER_REPLY_TOO_LARGE' });
    }
  });

  test('on the chat wire, in a list of the vendor', async () => {
    const details = Array.from({ length: BLOCKS }, () => ({ type: 'reasoning.encrypted', data: 'x' }));
    const chunks = details.map((detail) => ({ choices: [{ delta: { reasoning_details: [detail] } }] }));
    await expect(start('chat', chunks)).rejects.toMatchObject({ code: 'PROVIDER_REPLY_TOO_LARGE' });
  });

  test('but not the pieces of one thought, however many', async () => {
    const thought = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }] });
    const chunks = Array.from({ length: 3000 }, () => ({ choices: [{ delta: { content: [thought('hm ')] } }] }));
    const end = { choices: [{ delta: { content: 'Yes.' }, finish_reason: 'stop' }] };
    const turn = await start('chat', [...chunks, end]);
    expect(turn).toMatchObject({ text: 'Yes.', native: { content: [thought('hm '.repeat(3000)), { text: 'Yes.' }] } });
  });
});

describe('content that is not there', () => {
  const end = (output: unknown) => ({ type: 'response.completed', response: { status: 'completed', output } });
  const call = { type: 'function_call', call_id: 'a', name: 'add', arguments: '{}' };
  const none = { type: 'message', role: 'assistant', content: null };

  test('is no content beside other text or calls', async () => {
    expect(await start('responses', [end([none, call])])).toMatchObject({ stop: 'tools', text: '' });
    const text = {
      type: 'message',
      content: [{ type: 'output_text', text: 'Yes.' }, null, 5, { type: 'output_text' }],
    };
    expect(await start('responses', [end([none, text])])).toMatchObject({ stop: 'answer', text: 'Yes.' });
    const chunk = { choices: [{ delta: { content: null, tool_calls: [{ id: 'a', function: { name: 'add' } }] } }] };
    expect(await start('chat', [chunk, '[DONE]'])).toMatchObject({ stop: 'tools', text: '' });
  });

  test.each<[Wire, unknown[]]>([
    ['responses', [end([none])]],
    ['chat', [{ choices: [{ delta: { role: 'assistant', content: null }, finish_reason: 'stop' }] }]],
    ['chat', [{ choices: [{ delta: {}, finish_reason: 'stop' }] }]],
  ])('%s: is a fault of the provider if nothing else came: %j', async (wire, sent) => {
    await expect(start(wire, sent)).rejects.toMatchObject({ code: 'PROVIDER_MALFORMED' });
  });

  test.each([null, {}, 5, 'text', [null], [5], [[]]])('an output of %j is an empty answer', async (output) => {
    expect(await start('responses', [end(output)])).toMatchObject({ text: '', tool_calls: [], stop: 'answer' });
  });

  test('a block that starts without text is empty; text at the start is kept', async () => {
    const begin = (index: number, content_block: unknown) => ({ type: 'content_block_start', index, content_block });
    const add = (index: number, text: unknown) => {
      return { type: 'content_block_delta', index, delta: { type: 'text_delta', text } };
    };
    const stop = [{ type: 'message_delta', delta: { stop_reason: 'end_turn' } }, { type: 'message_stop' }];
    const blocks = [begin(0, { type: 'text' }), add(0, 'One'), begin(1, { type: 'text', text: ' two' }), add(1, null)];
    const heard: Heard = { text: '', usage: undefined };
    const turn = await start('messages', [...blocks, begin(2, null), add(3, ' three'), ...stop], heard);
    expect(turn.text).toBe('One two three');
    expect(heard.text).toBe(turn.text);
  });
});
