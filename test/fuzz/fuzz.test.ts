import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Case, cases, render } from './case.ts';
import { problemsOfChat } from './checkers/chat.ts';
import { problemsOfMessages } from './checkers/messages.ts';
import { problemsOfResponses } from './checkers/responses.ts';
import { fuzz, lineOf } from './fuzz.ts';
import type { Report } from './order.ts';
import { findingsIn } from './properties.ts';

const WIRES = ['responses', 'chat', 'messages'] as const;
const PLAIN: Case = {
  wire: 'chat',
  turns: [{ thoughts: [], pieces: ['Done. '], calls: [], usage: { input: 5, cached: 0, output: 2, reasoning: 0 } }],
  twists: [],
  setup: { effort: null, isBackground: false, isResumed: false },
};
const REPLY = {
  native: { role: 'assistant', content: 'Done. ' },
  text: 'Done. ',
  tool_calls: [],
  stop: 'answer',
  usage: { input_tokens: 5, cached_input_tokens: 0, output_tokens: 2, reasoning_tokens: 0 },
  cost_usd: 0.1,
};
const REPORT: Report = {
  id: 1,
  ended: { status: 'answered', text: 'Done. ' },
  checkpoints: [JSON.stringify({ version: 1, turn: 1, tool_results: [], reply: REPLY })],
  runs: [],
  changed: [],
  stallMs: 5,
  peakBytes: 1,
  heldBytes: 1,
  unreadable: [],
  outcome: '{}',
};

function propertiesBrokenBy(over: Partial<Report>): string[] {
  const seen = { rendered: render(PLAIN), observed: { ...REPORT, ...over }, asked: [], askedAgain: [] };
  return findingsIn(PLAIN, seen).map(({ property }) => property);
}

function replying(over: object): Partial<Report> {
  return { checkpoints: [JSON.stringify({ version: 1, turn: 1, tool_results: [], reply: { ...REPLY, ...over } })] };
}

test('a few hostile streams on each wire: every property holds', { timeout: 120_000 }, async () => {
  const tree = join(import.meta.dirname, '../..');
  const report = await fuzz({
    tree,
    wires: WIRES,
    seed: 1,
    durationMs: 20_000,
    maxCases: 120,
    isAll: false,
    env: process.env,
    tell: () => {},
  });
  expect(report.found.map(lineOf)).toEqual([]);
  expect(report.cases).toBeGreaterThan(0);
});

test('a seed always makes the same streams, and another seed others', () => {
  const streams = (seed: number) => JSON.stringify(fc.sample(cases(WIRES), { seed, numRuns: 30 }).map(render));
  expect(streams(3)).toBe(streams(3));
  expect(streams(4)).not.toBe(streams(3));
});

test('a report of a conversation that went well breaks no property', () => {
  expect(propertiesBrokenBy({})).toEqual([]);
});

test.each<[string, Partial<Report>]>([
  ['prototypes are unchanged', { changed: ['Object.prototype "x"'] }],
  ['the event loop goes on', { stallMs: 251 }],
  ['memory is bounded', { peakBytes: 2 ** 31 }],
  ['every failure has a code', { ended: { status: 'failed', message: 'TypeError' } }],
  ['every failure has a code', { ended: { status: 'failed', code: 'INTERNAL', message: 'x' } }],
  ['what is written can be read', { unreadable: ['the outcome'] }],
  [
    'an effect runs once',
    {
      runs: [
        { tool: 'bill', token: 't0c0' },
        { tool: 'bill', token: 't0c0' },
      ],
    },
  ],
  ['text is cut between characters', { outcome: '{"text":"\\ud83d"}' }],
  ['text is what was said', replying({ text: 'undefinedDone. ' })],
  ['calls are what was asked for', replying({ tool_calls: [{ id: 'a', name: 'bill', arguments: '{}' }] })],
  ['usage is what was told', replying({ usage: { ...REPLY.usage, input_tokens: 0 } })],
  ['usage is what was told', replying({ cost_usd: null })],
  ['a reply has a limit', replying({ native: 'x'.repeat(4_000_000) })],
  ['no turn is lost', { checkpoints: [], ended: { status: 'failed', code: 'PROVIDER_FAILED', message: 'x' } }],
])('the fuzzer reports that it is not so: %s', (property, over) => {
  expect(propertiesBrokenBy(over)).toContain(property);
});

const USER = { role: 'user', content: 'Go.' };
const CALL = { id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } };
const ANSWERED = { role: 'tool', tool_call_id: 'a', content: 'seen' };

test.each<[string | null, unknown[]]>([
  [null, [USER, { role: 'assistant', content: null, tool_calls: [CALL] }, ANSWERED]],
  ['a call without a usable id', [USER, { role: 'assistant', tool_calls: [{ ...CALL, id: '' }] }, ANSWERED]],
  ['an id is used twice', [USER, { role: 'assistant', tool_calls: [CALL, CALL] }, ANSWERED]],
  ['a call without a result', [USER, { role: 'assistant', tool_calls: [CALL] }]],
  [
    'arguments that are no JSON',
    [{ role: 'assistant', tool_calls: [{ ...CALL, function: { name: 'a', arguments: '{' } }] }],
  ],
  ['empty content and no calls', [USER, { role: 'assistant', content: '' }]],
  ['half a character', [{ role: 'user', content: '\ud83d' }]],
])('a request of the chat wire: %s', (problem, messages) => {
  expect(problemsOfChat({ messages }).map((found) => found.split(/:| at /)[0])).toEqual(
    problem === null ? [] : expect.arrayContaining([problem]),
  );
});

const USE = { type: 'tool_use', id: 'a', name: 'look', input: {} };
const RESULT = { type: 'tool_result', tool_use_id: 'a', content: 'seen' };

test.each<[string | null, unknown[], unknown[]]>([
  [null, [{ type: 'thinking', thinking: 'Hm.', signature: 's' }, USE], [RESULT]],
  ['a text block without text', [{ type: 'text', text: ' \n' }, USE], [RESULT]],
  ['empty text', [{ type: 'thinking', thinking: 'Hm.', signature: '' }, USE], [RESULT]],
  ['an input that is no object', [{ ...USE, input: [] }], [RESULT]],
  ['a key that no vendor knows', [{ ...USE, constructor: {} }], [RESULT]],
  ['a call without a result', [USE], [{ type: 'text', text: 'Well?' }]],
])('a request of the messages wire: %s', (problem, said, answered) => {
  const messages = [USER, { role: 'assistant', content: said }, { role: 'user', content: answered }];
  expect(problemsOfMessages({ messages }).map((found) => found.split(/:| at /)[0])).toEqual(
    problem === null ? [] : [problem],
  );
});

const ITEM = { type: 'function_call', call_id: 'a', name: 'look', arguments: '{}' };
const OUTPUT = { type: 'function_call_output', call_id: 'a', output: 'seen' };

test.each<[string | null, unknown[]]>([
  [null, [USER, { type: 'reasoning', id: 'r', summary: [], encrypted_content: 'x' }, ITEM, OUTPUT]],
  ['no text', [USER, { type: 'reasoning', id: 'r', summary: [], encrypted_content: null }]],
  ['a name that no tool can have', [USER, { ...ITEM, name: 'a b' }, OUTPUT]],
  ['a result of a call that does not wait', [USER, OUTPUT]],
  ['no content', [USER, { type: 'message', role: 'assistant', content: [] }]],
])('a request of the responses wire: %s', (problem, input) => {
  expect(problemsOfResponses({ store: false, input }).map((found) => found.split(/:| at /)[0])).toEqual(
    problem === null ? [] : [problem],
  );
});
