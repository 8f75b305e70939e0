import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Wire } from '../../src/contract/route.ts';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';
import { clientFor, SENT, type WireClient } from './wire-clients.ts';

const STOPS: Record<Wire, Record<'answer' | 'tools' | 'length' | 'filter' | 'refusal', string>> = {
  responses: {
    answer: 'completed',
    tools: 'completed',
    length: 'max_output_tokens',
    filter: 'content_filter',
    refusal: 'completed',
  },
  chat: { answer: 'stop', tools: 'tool_calls', length: 'length', filter: 'content_filter', refusal: 'stop' },
  messages: { answer: 'end_turn', tools: 'tool_use', length: 'max_tokens', filter: 'refusal', refusal: 'refusal' },
};
const EFFORT_FIELD: Record<Wire, string> = {
  responses: 'reasoning.effort',
  chat: 'reasoning_effort',
  messages: 'output_config.effort',
};

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.clearRequests());
afterAll(() => simulator.close());

describe.each(['responses', 'chat', 'messages'] as const)('%s', (wire) => {
  const stops = STOPS[wire];
  let client: WireClient;
  beforeAll(() => {
    client = clientFor(wire, simulator.url);
  });

  test('answers from the last user message, streamed and whole alike', async () => {
    const asked = { prompt: 'Count the apples in the orchard behind the old mill, please and thank you.' };
    const streamed = await client.stream(asked);
    expect(streamed.text).toBe(`Simulated answer to: ${asked.prompt.slice(0, 60)}`);
    expect(streamed.stop).toBe(stops.answer);
    expect((await client.create(asked)).text).toBe(streamed.text);
  });

  test('counts tokens at four characters each, and lets a directive say otherwise', async () => {
    const { usage } = await client.stream({ prompt: '[[sim: text="twelve chars"]]' });
    expect(usage).toMatchObject({ cached_input_tokens: 0, output_tokens: 3, reasoning_tokens: 0 });
    expect(usage.input_tokens).toBe(Math.ceil((simulator.requests()[0]?.body.length ?? 0) / 4));
    const said = '[[sim: input_tokens=900 cached_input_tokens=600 tokens=50 reasoning_tokens=7]]';
    const expected = { input_tokens: 900, cached_input_tokens: 600, output_tokens: 57, reasoning_tokens: 7 };
    expect((await client.stream({ prompt: said })).usage).toEqual(expected);
    expect((await client.create({ prompt: said })).usage).toEqual(expected);
  });

  test('fills a default answer to the tokens asked for, one delta each', async () => {
    const { text } = await client.stream({ prompt: 'Talk. [[sim: tokens=50]]' });
    expect(text).toHaveLength(200);
    expect(text.startsWith('Simulated answer to: Talk. Simulated')).toBe(true);
  });

  test('thinks where an effort is set, and says in the log which field it came in', async () => {
    const high = await client.stream({ prompt: 'Think.', effort: 'high' });
    const low = await client.stream({ prompt: 'Think.', effort: 'low' });
    expect(high.usage.reasoning_tokens).toBeGreaterThan(low.usage.reasoning_tokens);
    expect(low.usage.reasoning_tokens).toBeGreaterThan(0);
    expect(simulator.requests().map(({ effort }) => effort)).toEqual([
      { [EFFORT_FIELD[wire]]: 'high' },
      { [EFFORT_FIELD[wire]]: 'low' },
    ]);
  });

  test('calls the directed tools one a turn, and answers when their results are in', async () => {
    const prompt = [
      'Write. [[sim: tool=write_file args={"path":"a.txt","content":"]] \\" {"}]]',
      '[[sim: tool=write_file args={"path":"b.txt"}]] [[sim: tool=write_file args={"path":"c.txt"} parallel]]',
      '[[sim: text="All written."]]',
    ].join(' ');
    const first = await client.stream({ prompt, effort: 'low' });
    expect(first.tools).toMatchObject([{ name: 'write_file', args: { path: 'a.txt', content: ']] " {' } }]);
    expect(first).toMatchObject({ text: '', stop: stops.tools });
    const toRound = ({ native, tools }: typeof first) => ({
      native,
      results: tools.map(({ id }) => ({ id, text: 'ok' })),
    });
    const second = await client.create({ prompt, rounds: [toRound(first)] });
    expect(second.tools.map(({ args }) => args)).toEqual([{ path: 'b.txt' }, { path: 'c.txt' }]);
    expect(new Set([...first.tools, ...second.tools].map(({ id }) => id)).size).toBe(3);
    const last = await client.stream({ prompt, rounds: [toRound(first), toRound(second)] });
    expect(last).toMatchObject({ text: 'All written.', tools: [], stop: stops.answer });
    expect(simulator.requests().map(({ turn }) => turn)).toEqual([1, 2, 3]);
  });

  test.each(['length', 'filter'] as const)('ends early with stop=%s', async (stop) => {
    const asked = { prompt: `[[sim: stop=${stop} text="Only half"]]` };
    expect(await client.stream(asked)).toMatchObject({ text: 'Only half', stop: stops[stop] });
    expect(await client.create(asked)).toMatchObject({ text: 'Only half', stop: stops[stop] });
  });

  test('declines with a refusal', async () => {
    const asked = { prompt: '[[sim: refusal="Not this."]]' };
    expect(await client.stream(asked)).toMatchObject({ text: 'Not this.', stop: stops.refusal });
    expect(await client.create(asked)).toMatchObject({ text: 'Not this.', stop: stops.refusal });
  });

  test('cuts an answer at the output limit of the request', async () => {
    const answer = await client.stream({ prompt: 'Go on. [[sim: tokens=50]]', maxTokens: 16 });
    expect(answer.text).toHaveLength(16 * 4);
    expect(answer).toMatchObject({ text: expect.stringMatching(/^Simulated answer to: Go on/), stop: stops.length });
  });

  test('claims another model where directed', async () => {
    expect((await client.stream({ prompt: 'Hi' })).model).toBe(SENT.model);
    expect((await client.stream({ prompt: '[[sim: model=impostor]]' })).model).toBe('impostor');
  });

  test('waits for latency_ms before it answers and delta_ms before each event', async () => {
    const start = performance.now();
    await client.stream({ prompt: '[[sim: latency_ms=60 delta_ms=10 text="Hello there"]]' });
    expect(performance.now() - start).toBeGreaterThan(60 + 3 * 10);
  });
});
