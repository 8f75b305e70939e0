import { afterEach, describe, expect, test } from 'vitest';
import { Turn } from '../../../src/contract/checkpoint.ts';
import type { Wire } from '../../../src/contract/route.ts';
import { ErrandError } from '../../../src/errors.ts';
import { events, rawProvider, turnEvents } from '../../helpers/raw-provider.ts';
import { ask, modelOf, providerAt, WIRES } from '../models.ts';

const INHERITED = Object.getOwnPropertyNames(Object.prototype);
const BEFORE = prototypes();

function prototypes(): unknown[] {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype].map((prototype) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype)).map(([name, { value }]) => [name, value]),
  );
}

afterEach(() => expect(prototypes()).toEqual(BEFORE));

/** The result of a turn if a provider sends these events. */
async function outcomeOf(wire: Wire, ...sent: unknown[]): Promise<Turn | ErrandError> {
  const { url } = await rawProvider(events(...sent));
  const { model } = modelOf(providerAt(wire, url), 'm');
  const outcome = await model.turn(ask(), new AbortController().signal).catch((error: unknown) => error);
  return outcome instanceof ErrandError ? outcome : Turn.parse(outcome);
}

/** Adds a field to every object of a JSON text. */
function everywhere(name: string, value: unknown): (event: object) => string {
  const field = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  return (event) => {
    const text = JSON.stringify(event);
    return text.replaceAll(/\{(?=[}"])/g, (brace, at: number) => `${brace}${field}${text[at + 1] === '}' ? '' : ','}`);
  };
}

const SAID = { text: 'Fine.', calls: [{ id: 'c1', name: 'add', args: '{"a":1}' }] };

describe.each(WIRES)('on the %s wire', (wire) => {
  test.each(INHERITED)('a field named %s in every object changes nothing', async (name) => {
    const expected = await outcomeOf(wire, ...turnEvents(wire, SAID));
    expect(expected).toMatchObject({ stop: 'tools', text: 'Fine.' });
    const sent = turnEvents(wire, SAID);
    expect(await outcomeOf(wire, ...sent.map(everywhere(name, { x: 1 })))).toEqual(expected);
    expect(await outcomeOf(wire, ...sent.map(everywhere(name, 'text')))).toEqual(expected);
  });

  test.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'the name %s may name a tool, a type, an id and a reason',
    async (name) => {
      const calls = [{ id: name, name, args: `{"${name}":1}` }];
      const turn = await outcomeOf(wire, ...turnEvents(wire, { calls }));
      expect(turn).toMatchObject({ tool_calls: [{ id: name, name, arguments: `{"${name}":1}` }] });
      const unknown = { type: name, choices: [{ delta: { [name]: name }, finish_reason: name }] };
      expect(await outcomeOf(wire, unknown)).toHaveProperty('code');
    },
  );

  const BAD_PLACES = [-1, 0.5, 1024, 4_294_967_294, 9_999_999_999, 1e300, '0', 'length', '__proto__', {}, [], true];
  test.each(BAD_PLACES)('a place of %j is a fault of the provider', async (place) => {
    const startedMs = performance.now();
    const sent = turnEvents(wire, SAID).map((event) => withPlace(event, place));
    expect(await outcomeOf(wire, ...sent, '[DONE]')).toMatchObject({ code: 'PROVIDER_MALFORMED' });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  test('places far apart cost nothing and keep their order', async () => {
    const sent = turnEvents(wire, { calls: [{ id: 'a', name: 'add', args: '{"n":1}' }] });
    const far = sent.map((event) => withPlace(event, 1023));
    const turn = await outcomeOf(wire, ...far);
    expect(turn).toMatchObject({ tool_calls: [{ id: 'a' }] });
  });

  test.each([
    ['null', null],
    ['a number', 5],
    ['a list', [1]],
    ['a text', '"text"'],
    ['deep nesting', `{"type":"x","choices":${'['.repeat(5000)}${']'.repeat(5000)}}`],
  ])('an event that is %s is a fault of the provider', async (_, event) => {
    expect(await outcomeOf(wire, event)).toMatchObject({ code: 'PROVIDER_MALFORMED' });
  });
});

/** The event with another place in every field of its wire that has a place. */
function withPlace(event: object, place: unknown): object {
  return JSON.parse(JSON.stringify(event), function (this: object, key, value: unknown) {
    const isPlace = key === 'output_index' || (key === 'index' && !('finish_reason' in this));
    return isPlace ? place : value;
  });
}

test('tool arguments that come as an object lose the names that objects inherit', async () => {
  const args = JSON.parse('{"a":1,"__proto__":{"b":2},"constructor":{"prototype":{"c":3}}}');
  const call = { index: 0, id: 'x', function: { name: 'add', arguments: args } };
  const chat = await outcomeOf('chat', { choices: [{ delta: { tool_calls: [call] }, finish_reason: 'tool_calls' }] });
  const block = { type: 'tool_use', id: 'x', name: 'add', input: args };
  const start = { type: 'content_block_start', index: 0, content_block: block };
  const stop = { type: 'message_delta', delta: { stop_reason: 'tool_use' } };
  const messages = await outcomeOf('messages', start, stop, { type: 'message_stop' });
  const item = { type: 'function_call', call_id: 'x', name: 'add', arguments: args };
  const end = { type: 'response.completed', response: { status: 'completed', output: [item] } };
  const responses = await outcomeOf('responses', end);
  for (const turn of [chat, messages, responses]) {
    expect(turn).toMatchObject({ tool_calls: [{ arguments: '{"a":1}' }] });
  }
});

test('reasoning details and other fields of a vendor lose them too', async () => {
  const detail = '{"index":0,"type":"reasoning.text","text":"Hm","__proto__":{"x":1},"toString":"y"}';
  const delta = `{"content":"Yes.","reasoning_details":[${detail}],"extra":{"__proto__":{"z":1},"kept":1}}`;
  const turn = await outcomeOf('chat', `{"choices":[{"delta":${delta},"finish_reason":"stop"}]}`);
  expect(turn).toMatchObject({ text: 'Yes.' });
  expect(JSON.stringify((turn as Turn).native)).not.toMatch(/__proto__|toString/);
});
