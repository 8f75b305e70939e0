import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/base/secret.ts';
import type { Wire } from '../../../src/contract/route.ts';
import type { TranscriptEntry } from '../../../src/providers/model.ts';
import { Models } from '../../../src/providers/models.ts';
import { ask, faultOfTurn, providerAt, simulate } from '../models.ts';

const FIRST = { role: 'user' as const, shared: 'ours', text: 'mine' };
const TOOLS = [{ name: 'add', description: 'Adds.', parameters: { type: 'object' } }];
const MARK = { cache_control: { type: 'ephemeral' } };

type Asked = { model: string; tools?: typeof TOOLS; prompt_cache?: boolean; transcript?: TranscriptEntry[] };

/** The body of a request for a first message with a shared part. */
async function bodyOf(wire: Wire, { model, tools = [], prompt_cache = false, transcript = [FIRST] }: Asked) {
  const sim = await simulate();
  onTestFinished(() => sim.close());
  const opened = await new Models().open({
    provider: providerAt(wire, sim.url, { prompt_cache }),
    route: { model },
    credential: { id: 'env:ACME_API_KEY', secret: new Secret('sk-planted-4f9b2c7d1e') },
    cacheKey: 'batch and route',
  });
  await opened.model.turn(ask('', { transcript, tools }), new AbortController().signal);
  return JSON.parse(sim.requests()[0]?.body ?? '');
}

test('messages: Claude gets marks after system prompt, shared part and last block', async () => {
  const body = await bodyOf('messages', { model: 'claude-opus-5-5', tools: TOOLS });
  expect(body).toMatchObject({ ...MARK, system: [{ type: 'text', text: 'Be brief.', ...MARK }] });
  const blocks = [
    { type: 'text', text: 'ours', ...MARK },
    { type: 'text', text: 'mine' },
  ];
  expect(body.messages).toEqual([{ role: 'user', content: blocks }]);
});

test('messages: a later turn reads what the turn before it wrote, with four marks', async () => {
  const call = { type: 'tool_use', id: 'c1', name: 'add', input: {} };
  const results = (ids: string[]) => ids.map((call_id) => ({ call_id, text: '3', is_error: false }));
  const transcript: TranscriptEntry[] = [
    FIRST,
    { role: 'assistant', native: [call, { ...call, id: 'c2' }] },
    { role: 'tools', results: results(['c1', 'c2']) },
    { role: 'assistant', native: [{ ...call, id: 'c3' }] },
    { role: 'tools', results: results(['c3']) },
  ];
  const body = await bodyOf('messages', { model: 'claude-opus-5-5', tools: TOOLS, transcript });
  expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(4);
  const [, , last, , newest] = body.messages;
  expect(last.content.map((block: object) => 'cache_control' in block)).toEqual([false, true]);
  expect(newest.content.map((block: object) => 'cache_control' in block)).toEqual([false]);
});

test('messages: only the shared part is marked without tools, and nothing for others', async () => {
  const alone = await bodyOf('messages', { model: 'claude-opus-5-5' });
  expect(JSON.stringify(alone).match(/cache_control/g)).toHaveLength(1);
  expect(alone.messages[0].content[0]).toEqual({ type: 'text', text: 'ours', ...MARK });
  const other = await bodyOf('messages', { model: 'deepseek-v4', tools: TOOLS });
  expect(JSON.stringify(other)).not.toContain('cache_control');
  expect(other.messages).toEqual([{ role: 'user', content: 'ours\n\nmine' }]);
});

test('a provider that refuses the fields of the cache gets a remedy with the setting', async () => {
  const message = "property 'prompt_cache_key' is unsupported";
  const sim = await simulate({ status: 400, message });
  onTestFinished(() => sim.close());
  const fault = await faultOfTurn(providerAt('chat', sim.url, { prompt_cache: true }));
  expect(fault).toMatchObject({
    code: 'PROVIDER_REFUSED_REQUEST',
    remedy: expect.stringContaining('prompt_cache: false'),
  });
});

test.each([
  ['responses', 'input', 'input_text'],
  ['chat', 'messages', 'text'],
] as const)('%s: OpenAI gets a key, and later models a mark', async (wire, list, type) => {
  const textOf = (body: Record<string, { role: string; content: unknown }[]>) =>
    body[list]?.find(({ role }) => role === 'user')?.content;
  const marked = await bodyOf(wire, { model: 'gpt-5.6-sol', prompt_cache: true });
  expect(marked.prompt_cache_key).toBe('batch and route');
  expect(textOf(marked)).toEqual([
    { type, text: 'ours', prompt_cache_breakpoint: { mode: 'explicit' } },
    { type, text: 'mine' },
  ]);
  const earlier = await bodyOf(wire, { model: 'gpt-5.4-mini', prompt_cache: true });
  expect([earlier.prompt_cache_key, textOf(earlier)]).toEqual(['batch and route', 'ours\n\nmine']);
  const compatible = await bodyOf(wire, { model: 'gpt-5.6-sol' });
  expect(JSON.stringify(compatible)).not.toContain('prompt_cache');
  expect(textOf(compatible)).toBe('ours\n\nmine');
});
