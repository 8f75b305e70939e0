import { expect, onTestFinished, test } from 'vitest';
import { Turn } from '../../../src/contract/checkpoint.ts';
import type { TranscriptEntry } from '../../../src/providers/model.ts';
import { ask, modelOf, providerAt, sendEvents, serve, simulate } from '../models.ts';

const live = () => new AbortController().signal;
const TOOLS = [{ name: 'add', description: 'Adds.', parameters: { type: 'object' } }];

/** What a turn comes to where the server sends these blocks, each a start and its deltas, and this end. */
async function turnOf(blocks: [object, ...object[]][], end: object): Promise<Turn> {
  const usage = { input_tokens: 5, output_tokens: 1 };
  const events: object[] = [
    { type: 'message_start', message: { id: 'm1', content: [], usage } },
    ...blocks.flatMap(([content_block, ...deltas], index) => [
      { type: 'content_block_start', index, content_block },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: end, usage: { output_tokens: 40 } },
    { type: 'message_stop' },
  ];
  const server = await serve((_, res) =>
    sendEvents(
      res,
      events.map((event) => [null, event]),
    ),
  );
  onTestFinished(server.close);
  return Turn.parse(await modelOf(providerAt('messages', server.url), 'claude-opus-5-5').model.turn(ask(), live()));
}

const TEXT: [object, object] = [
  { type: 'text', text: '' },
  { type: 'text_delta', text: 'Half an ans' },
];
const CALL: [object, object] = [
  { type: 'tool_use', id: 't1', name: 'add', input: {} },
  { type: 'input_json_delta', partial_json: '{"n":1}' },
];

test.each([['pause_turn'], ['some_new_reason'], [null]])(
  'an answer that ended for the reason %s is none',
  async (why) => {
    await expect(turnOf([TEXT], { stop_reason: why })).rejects.toMatchObject({
      code: 'PROVIDER_FAILED',
      message: expect.stringContaining(why ?? 'no stop reason'),
    });
  },
);

test('calls decide where a turn with calls ends like an answer', async () => {
  expect(await turnOf([CALL], { stop_reason: 'end_turn' })).toMatchObject({
    stop: 'tools',
    tool_calls: [{ id: 't1', name: 'add', arguments: '{"n":1}' }],
  });
  expect(await turnOf([TEXT], { stop_reason: 'tool_use' })).toMatchObject({ stop: 'answer', tool_calls: [] });
});

test('the totals at the end of a stream count, not those at its start', async () => {
  expect((await turnOf([TEXT], { stop_reason: 'end_turn' })).usage).toMatchObject({
    input_tokens: 5,
    output_tokens: 40,
  });
});

test('a thought is sent back with its signature, and a result with its error flag', async () => {
  const sim = await simulate({ tool: 'add', args: {}, reasoning: 'I should add.' }, { text: 'Done.' });
  onTestFinished(() => sim.close());
  const { model } = modelOf(providerAt('messages', sim.url), 'claude-opus-5-5');
  const { native, tool_calls } = await model.turn(ask('x', { tools: TOOLS }), live());
  const call_id = tool_calls[0]?.id ?? '';
  const transcript: TranscriptEntry[] = [
    { role: 'user', text: 'x' },
    { role: 'assistant', native },
    { role: 'tools', results: [{ call_id, text: 'no', is_error: true }] },
  ];
  await model.turn(ask('', { transcript, tools: TOOLS }), live());
  const { messages } = JSON.parse(sim.requests()[1]?.body ?? '') as { messages: { content: object[] }[] };
  expect(messages[1]?.content[0]).toMatchObject({
    thinking: 'I should add.',
    signature: expect.stringMatching(/^sig/),
  });
  expect(messages[2]?.content[0]).toMatchObject({ tool_use_id: call_id, is_error: true });
});

test.each([
  ['claude-opus-5-5', TOOLS, { type: 'ephemeral' }],
  ['claude-opus-5-5', [], undefined],
  ['minimax-m3', TOOLS, undefined],
] as const)('%s with %j keeps its prompt in the cache: %j', async (model, tools, expected) => {
  const sim = await simulate();
  onTestFinished(() => sim.close());
  await modelOf(providerAt('messages', sim.url), model).model.turn(ask('x', { tools: [...tools] }), live());
  const { cache_control } = JSON.parse(sim.requests()[0]?.body ?? '') as Record<string, unknown>;
  expect(cache_control).toEqual(expected);
});
