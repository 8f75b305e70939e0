import { describe, expect, test } from 'vitest';
import { Turn, tallyOf } from '../../../src/contract/checkpoint.ts';
import type { Wire } from '../../../src/contract/route.ts';
import { addCost, addUsage, type Cost, NO_USAGE, tokenFigure, Usage } from '../../../src/contract/usage.ts';
import { events, rawProvider, turnEvents } from '../../helpers/raw-provider.ts';
import { ask, modelOf, providerAt, WIRES } from '../models.ts';

const PRICES = { m: { input: 10, cached_input: 1, output: 100 } };

type Told = { usage: Usage; cost: Cost };

/** One turn of a model with a known price, and the usage that it reported while it ran. */
async function turnOf(wire: Wire, sent: object[], more: Record<string, unknown> = { prices: PRICES }) {
  const { url } = await rawProvider(events(...sent));
  const told: Told[] = [];
  const onUsage = (usage: Usage, cost: Cost) => void told.push({ usage, cost });
  const { model } = modelOf(providerAt(wire, url, more), 'm');
  const turn = Turn.parse(await model.turn(ask('x', { onUsage }), new AbortController().signal));
  return { turn, told };
}

/** The usage of a turn in the fields of its wire. */
function named(wire: Wire, input: unknown, output: unknown): object {
  return wire === 'chat'
    ? { prompt_tokens: input, completion_tokens: output }
    : { input_tokens: input, output_tokens: output };
}

const says = (wire: Wire, usage?: object) => turnEvents(wire, { text: 'Yes.', ...(usage && { usage }) });

describe.each(WIRES)('on the %s wire', (wire) => {
  test('figures are counted, priced and told', async () => {
    const { turn, told } = await turnOf(wire, says(wire, named(wire, 1000, 50)));
    expect(turn).toMatchObject({ usage: { input_tokens: 1000, output_tokens: 50 } });
    expect(turn.cost_usd).toBeCloseTo((1000 * 10 + 50 * 100) / 1e6, 12);
    expect(told.at(-1)).toEqual({ usage: turn.usage, cost: turn.cost_usd });
  });

  test.each([
    ['nothing', undefined],
    ['an empty object', {}],
    ['zeros', named(wire, 0, 0)],
    ['null', named(wire, null, null)],
    ['words', named(wire, '12', 'many')],
    ['negative numbers', named(wire, -5, -1)],
    ['numbers that no turn has', named(wire, 1e300, 2 ** 53 + 2)],
    ['lists and objects', named(wire, [7], {})],
  ])('%s is unknown: no tokens, no cost, and nothing is told', async (_, usage) => {
    const { turn, told } = await turnOf(wire, says(wire, usage));
    expect(turn).toMatchObject({ usage: NO_USAGE, cost_usd: null });
    expect(told).toEqual([]);
  });

  test.each([
    ['output', named(wire, 1000, undefined), { input_tokens: 1000, output_tokens: 0 }],
    ['output but 0', named(wire, 1000, 0), { input_tokens: 1000, output_tokens: 0 }],
    ['output but an absurd one', named(wire, 1000, 1e300), { input_tokens: 1000, output_tokens: 0 }],
    ['input', named(wire, undefined, 50), { input_tokens: 0, output_tokens: 50 }],
    ['input but 0', named(wire, 0, 50), { input_tokens: 0, output_tokens: 50 }],
  ])('without any %s the cost is unknown', async (_, usage, known) => {
    const { turn } = await turnOf(wire, says(wire, usage));
    expect(turn.usage).toMatchObject(known);
    expect(turn.cost_usd).toBeNull();
  });
});

describe('zeros and absurd figures replace no others', () => {
  test('on the messages wire', async () => {
    const [start, ...rest] = says('messages', { input_tokens: 900, cache_read_input_tokens: 100, output_tokens: 1 });
    const end = { input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 40 };
    const late = { input_tokens: 1e300, output_tokens: -1 };
    const deltas = [end, late].map((usage) => ({ type: 'message_delta', delta: { stop_reason: null }, usage }));
    const { turn } = await turnOf('messages', [start ?? {}, ...rest.slice(0, -1), ...deltas, { type: 'message_stop' }]);
    expect(turn.usage).toEqual({
      input_tokens: 1000,
      cached_input_tokens: 100,
      output_tokens: 40,
      reasoning_tokens: 0,
    });
    expect(turn.cost_usd).toBeCloseTo((900 * 10 + 100 * 1 + 40 * 100) / 1e6, 12);
  });

  test('on the chat wire', async () => {
    const usages = [{ prompt_tokens: 1000, completion_tokens: 50 }, {}, { prompt_tokens: 0, completion_tokens: 0 }];
    const sent = [...says('chat'), ...usages.map((usage) => ({ choices: [], usage }))];
    expect((await turnOf('chat', sent)).turn.usage).toMatchObject({ input_tokens: 1000, output_tokens: 50 });
  });

  test('on the responses wire', async () => {
    const usage = { input_tokens: 1000, output_tokens: 0 };
    const early = { type: 'response.in_progress', response: { id: 'r', status: 'in_progress', usage } };
    const { turn } = await turnOf('responses', [early, ...says('responses', { input_tokens: 0, output_tokens: 50 })]);
    expect(turn.usage).toMatchObject({ input_tokens: 1000, output_tokens: 50 });
  });
});

describe('usage of the chat wire is read wherever a vendor puts it', () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 50 };
  const delta = { content: 'Yes.' };
  test.each([
    ['Kimi', { choices: [{ delta, finish_reason: 'stop', usage: { ...usage, cached_tokens: 400 } }] }, 400],
    ['Groq', { choices: [{ delta, finish_reason: 'stop' }], x_groq: { id: 'r', usage } }, 0],
    [
      'DeepSeek',
      { choices: [{ delta, finish_reason: 'stop' }], usage: { ...usage, prompt_cache_hit_tokens: 300 } },
      300,
    ],
    [
      'OpenAI',
      { choices: [{ delta, finish_reason: 'stop' }], usage: { ...usage, prompt_tokens_details: { cached_tokens: 7 } } },
      7,
    ],
  ])('as %s does', async (_, chunk, cached) => {
    const { turn } = await turnOf('chat', [chunk]);
    expect(turn.usage).toEqual({
      input_tokens: 1000,
      cached_input_tokens: cached,
      output_tokens: 50,
      reasoning_tokens: 0,
    });
    expect(turn.cost_usd).toBeCloseTo(((1000 - cached) * 10 + cached + 50 * 100) / 1e6, 12);
  });
});

describe('a cost that the provider tells', () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 50 };
  const cost = async (told: object, more?: Record<string, unknown>) =>
    (await turnOf('chat', says('chat', { ...usage, ...told }), more)).turn.cost_usd;
  const reckoned = (1000 * 10 + 50 * 100) / 1e6;

  test('is the cost of the turn, whatever its price', async () => {
    expect(await cost({ cost: 0.0042 })).toBe(0.0042);
    expect(await cost({ cost: 0.0042 }, {})).toBe(0.0042);
  });

  test('is completed by what the vendor charges if the key is of the user', async () => {
    const details = { cost_details: { upstream_inference_cost: 0.04 } };
    expect(await cost({ cost: 0.002, is_byok: true, ...details })).toBeCloseTo(0.042, 12);
    expect(await cost({ cost: 0.002, is_byok: false, ...details })).toBe(0.002);
    expect(await cost({ cost: 0, is_byok: true, ...details })).toBe(0.04);
  });

  test.each([0, -1, 1e300, '0.1', null, {}, true])('of %j is none', async (told) => {
    expect(await cost({ cost: told })).toBeCloseTo(reckoned, 12);
    expect(await cost({ cost: told }, {})).toBeNull();
  });
});

test('a price without bounds makes no cost that a record cannot hold', async () => {
  const prices = { m: { input: 1e308, output: 1e308 } };
  expect((await turnOf('chat', says('chat', named('chat', 1e6, 1e6)), { prices })).turn.cost_usd).toBeNull();
});

test('sums of many turns and tasks stay what the schema takes', () => {
  const most = { input_tokens: 1e9, cached_input_tokens: 1e9, output_tokens: 1e9, reasoning_tokens: 1e9 };
  let sum = NO_USAGE;
  for (let doubled = 0, part: Usage = most; doubled < 60; doubled++) {
    part = addUsage(part, part);
    sum = addUsage(sum, part);
  }
  expect(Usage.parse(sum).input_tokens).toBe(Number.MAX_SAFE_INTEGER);
  expect(addCost(Number.MAX_VALUE, Number.MAX_VALUE)).toBeNull();
  const reply = { native: null, text: '', tool_calls: [], stop: 'answer' as const, usage: most, cost_usd: 1.7e308 };
  const tally = tallyOf([1, 2].map((turn) => ({ version: 1, turn, tool_results: [], reply })));
  expect(tally).toMatchObject({ cost_usd: null, usage: { input_tokens: 2e9 } });
});

test('a number of tokens is a figure or unknown', () => {
  const figures = [0, 7, 7.9, 1e9].map(tokenFigure);
  expect(figures).toEqual([0, 7, 7, 1e9]);
  const unknown = [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e9 + 1, 2 ** 53, '7', null, undefined, {}, [7], true];
  expect(unknown.map(tokenFigure)).toEqual(unknown.map(() => null));
});
