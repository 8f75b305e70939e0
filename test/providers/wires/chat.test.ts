import { expect, onTestFinished, test } from 'vitest';
import { Turn } from '../../../src/contract/checkpoint.ts';
import { ask, modelOf, providerAt, sendEvents, serve, simulate } from '../models.ts';

const live = () => new AbortController().signal;

/** What a turn comes to where a server sends these chunks. */
async function turnOf(...chunks: object[]): Promise<Turn> {
  const server = await serve((_, res) =>
    sendEvents(
      res,
      [...chunks, '[DONE]'].map((data) => [null, data]),
    ),
  );
  onTestFinished(server.close);
  const price = { input: 10, cached_input: 1, output: 100 };
  const provider = providerAt('chat', server.url, { prices: { m: price } });
  return Turn.parse(await modelOf(provider, 'm').model.turn(ask(), live()));
}

function chunkOf(delta: object, finish_reason: string | null = null): object {
  return { choices: [{ index: 0, delta, finish_reason }] };
}

test.each(['error', 'abort', 'insufficient_system_resource', 'malformed_function_call'])(
  'an answer that ended for the reason %s is none',
  async (reason) => {
    await expect(turnOf(chunkOf({ content: 'Half an ans' }), chunkOf({}, reason))).rejects.toMatchObject({
      code: 'PROVIDER_FAILED',
      message: expect.stringContaining(reason),
    });
  },
);

test.each(['stop', 'eos', 'end_turn', 'tool_calls'])(
  'an answer that ended for the reason %s is one',
  async (reason) => {
    expect(await turnOf(chunkOf({ content: 'All of it' }, reason))).toMatchObject({
      stop: 'answer',
      text: 'All of it',
    });
  },
);

test('calls that share an index are kept apart by their ids, as Gemini streams them', async () => {
  const call = (id: string, args: string) => ({
    tool_calls: [{ index: 0, id, type: 'function', function: { name: 'add', arguments: args } }],
  });
  const more = { tool_calls: [{ index: 0, function: { arguments: '}' } }] };
  const turn = await turnOf(chunkOf(call('a', '{"n":1}')), chunkOf(call('b', '{"n":2')), chunkOf(more, 'stop'));
  expect(turn.stop).toBe('tools');
  expect(turn.tool_calls).toEqual([
    { id: 'a', name: 'add', arguments: '{"n":1}' },
    { id: 'b', name: 'add', arguments: '{"n":2}' },
  ]);
});

test('content in parts is read for its text and kept as it came', async () => {
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] };
  const turn = await turnOf(
    chunkOf({ role: 'assistant', content: '' }),
    chunkOf({ content: [thinking] }),
    chunkOf({ content: [{ type: 'text', text: 'Hello ' }] }),
    chunkOf({ content: 'world' }, 'stop'),
  );
  expect(turn.text).toBe('Hello world');
  expect(turn.native).toEqual({
    role: 'assistant',
    content: [thinking, { type: 'text', text: 'Hello world' }],
  });
});

test('arguments that are sent as an object are told as text', async () => {
  const call = { id: 'a', type: 'function', function: { name: 'add', arguments: { n: 1 } } };
  expect((await turnOf(chunkOf({ tool_calls: [call] }, 'tool_calls'))).tool_calls).toEqual([
    { id: 'a', name: 'add', arguments: '{"n":1}' },
  ]);
});

test('reasoning that only the total tells of is counted and billed', async () => {
  const usage = { prompt_tokens: 32, completion_tokens: 9, total_tokens: 135 };
  const turn = await turnOf(chunkOf({ content: 'Yes.' }, 'stop'), { choices: [], usage });
  expect(turn.usage).toMatchObject({ input_tokens: 32, output_tokens: 103 });
  expect(turn.cost_usd).toBeCloseTo((32 * 10 + 103 * 100) / 1e6, 12);
});

test('more input from the cache than there was input is taken for all of it', async () => {
  const usage = { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 100 } };
  const turn = await turnOf(chunkOf({ content: 'Yes.' }, 'stop'), { choices: [], usage });
  expect(turn.usage).toMatchObject({ input_tokens: 10, cached_input_tokens: 10 });
  expect(turn.cost_usd).toBeCloseTo((10 * 1 + 1 * 100) / 1e6, 12);
});

test('the output limit stands in the field that the provider names', async () => {
  const sim = await simulate();
  onTestFinished(() => sim.close());
  const provider = providerAt('chat', sim.url, { max_tokens_field: 'max_tokens' });
  await modelOf(provider).model.turn(ask('x', { maxOutputTokens: 77 }), live());
  const body: unknown = JSON.parse(sim.requests()[0]?.body ?? '');
  expect(body).toMatchObject({ max_tokens: 77 });
  expect(body).not.toHaveProperty('max_completion_tokens');
});
