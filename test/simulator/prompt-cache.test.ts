import { expect, onTestFinished, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/entries/simulator.ts';

/** A text of 2,000 tokens of four characters. */
const LONG = 'long '.repeat(1_600);
const CLAUDE = { model: 'claude-opus-5-5', max_tokens: 9 };
const MARK = { cache_control: { type: 'ephemeral' } };
const BREAK = { prompt_cache_breakpoint: { mode: 'explicit' } };

async function aSimulator(latency_ms = 0): Promise<Simulator> {
  const simulator = await startSimulator({ script: { rules: [{ match: {}, steps: [{ latency_ms }] }] } });
  onTestFinished(() => simulator.close());
  return simulator;
}

async function usageOf({ url }: Simulator, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  return ((await response.json()) as { usage: Record<string, unknown> }).usage;
}

/** A question after a long text of the user, which has a mark or not. */
function asked(question: string, mark: object = {}) {
  const parts = [
    { type: 'text', text: LONG, ...mark },
    { type: 'text', text: question },
  ];
  return [{ role: 'user', content: parts }];
}

test('messages: a marked prefix is written by the first answer and read by the second', async () => {
  const simulator = await aSimulator();
  const ask = (question: string) => usageOf(simulator, '/v1/messages', { ...CLAUDE, messages: asked(question, MARK) });
  const first = await ask('Why?');
  expect(first.cache_creation_input_tokens).toBeGreaterThan(2_000);
  expect(first.cache_read_input_tokens).toBe(0);
  expect(await ask('How?')).toMatchObject({
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: first.cache_creation_input_tokens,
  });
});

test('messages: without a mark nothing is cached, and one other byte is another prefix', async () => {
  const simulator = await aSimulator();
  const none = { cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  for (const question of ['Why?', 'How?']) {
    const body = { ...CLAUDE, messages: asked(question) };
    expect(await usageOf(simulator, '/v1/messages', body)).toMatchObject(none);
  }
  for (const system of ['Be brief.', 'Be brief!']) {
    const body = { ...CLAUDE, system, messages: asked('Why?', MARK) };
    expect(await usageOf(simulator, '/v1/messages', body)).toMatchObject({ cache_read_input_tokens: 0 });
  }
});

test('a prefix cannot be read before the first answer with it has ended', async () => {
  const simulator = await aSimulator(100);
  const ask = () => usageOf(simulator, '/v1/messages', { ...CLAUDE, messages: asked('Why?', MARK) });
  for (const usage of await Promise.all([ask(), ask()])) expect(usage.cache_read_input_tokens).toBe(0);
  expect((await ask()).cache_read_input_tokens).toBeGreaterThan(2_000);
});

test('chat: later models of OpenAI read a prefix at a mark only', async () => {
  const simulator = await aSimulator();
  const ask = (question: string, mark: object) =>
    usageOf(simulator, '/v1/chat/completions', { model: 'gpt-5.6-sol', messages: asked(question, mark) });
  await ask('Why?', {});
  expect(await ask('How?', {})).toMatchObject({ prompt_tokens_details: { cached_tokens: 0 } });
  await ask('Where?', BREAK);
  const { prompt_tokens_details } = await ask('When?', BREAK);
  expect(prompt_tokens_details).toMatchObject({ cached_tokens: expect.any(Number) });
  expect(prompt_tokens_details).not.toMatchObject({ cached_tokens: 0 });
});

test('responses: other models read every prefix in steps of 128 tokens', async () => {
  const simulator = await aSimulator();
  const ask = (question: string) =>
    usageOf(simulator, '/v1/responses', { model: 'sim-model', input: `${LONG}\n${question}` });
  expect(await ask('Why?')).toMatchObject({ input_tokens_details: { cached_tokens: 0 } });
  expect(await ask('How?')).toMatchObject({ input_tokens_details: { cached_tokens: 15 * 128, cache_write_tokens: 0 } });
});
