import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type CallContext, defineTool, type Tool } from '../../src/agent/tool.ts';
import { fitResults } from '../../src/agent/tool-result.ts';
import { toolsOf } from '../helpers/tools.ts';

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers.',
  class: 'read',
  parameters: z.strictObject({ a: z.number(), b: z.number() }),
  run: async ({ a, b }) => String(a + b),
});
const terms = { place: '1.1', signal: new AbortController().signal, limitMs: 60_000, onProgress: () => undefined };
const callOf = (name: string, args: string) => ({ id: 'call-1', name, arguments: args });

test('arguments lose the names that objects inherit and half characters, however deep', async () => {
  const seen: unknown[] = [];
  const tool: Tool = {
    definition: { name: 'keep', description: 'Keeps.', parameters: { type: 'object' } },
    class: 'read',
    run: async (args) => String(seen.push(args)),
  };
  const args = '{"__proto__":{"x":1},"a":[{"constructor":{"prototype":{"x":1}},"b":"y\\ud83d"}],"toString":1}';
  const limits = { ...terms, limitMs: 1_000 };
  await toolsOf([tool]).call({ id: 'a', name: 'keep', arguments: args }, limits);
  expect(seen).toEqual([{ a: [{ b: 'y\ufffd' }] }]);
  expect(Object.getOwnPropertyNames(seen[0])).toEqual(['a']);
});

test('shows the tools sorted by name, whatever the order of the toolsets is', () => {
  const named = (name: string): Tool => ({ ...add, definition: { ...add.definition, name } });
  const names = ['write_file', 'Add', 'add_all', 'add'];
  const shown = [names, names.toReversed()].map((order) =>
    toolsOf(order.map(named)).definitions.map(({ name }) => name),
  );
  expect(shown[0]).toEqual(['Add', 'add', 'add_all', 'write_file']);
  expect(shown[1]).toEqual(shown[0]);
});

test('runs a tool with parsed arguments', async () => {
  expect(await toolsOf([add]).call(callOf('add', '{"a":1,"b":2}'), terms)).toEqual({
    call_id: 'call-1',
    text: '3',
    is_error: false,
  });
});

test.each([
  ['an unknown tool', callOf('subtract', '{}'), /no tool "subtract".*Available tools: add/],
  ['arguments that are not JSON', callOf('add', '{"a":1'), /are not valid JSON/],
  ['arguments that do not fit', callOf('add', '{"a":"one","b":2}'), /invalid arguments[\s\S]*a/],
  ['an argument nobody knows', callOf('add', '{"a":1,"b":2,"c":3}'), /invalid arguments[\s\S]*c/],
])('tells the model of %s instead of failing', async (_, call, text) => {
  expect(await toolsOf([add]).call(call, terms)).toMatchObject({ is_error: true, text: expect.stringMatching(text) });
});

test('tells the model what a tool threw', async () => {
  const broken = { ...add, run: async () => Promise.reject(new Error('no such number')) };
  expect(await toolsOf([broken]).call(callOf('add', '{}'), terms)).toMatchObject({
    is_error: true,
    text: 'add failed: no such number',
  });
});

test('an abort while a tool runs ends the run and is no answer', async () => {
  const controller = new AbortController();
  const hanging: Tool = {
    ...add,
    run: (_: unknown, { signal }: CallContext) =>
      new Promise<string>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
  };
  const calling = toolsOf([hanging]).call(callOf('add', '{}'), { ...terms, signal: controller.signal });
  controller.abort(new Error('cancelled'));
  await expect(calling).rejects.toThrow('cancelled');
});

describe('a tool that passes its limit', () => {
  const hanging = (heeds: boolean): Tool => ({
    ...add,
    run: (_: unknown, { signal }: CallContext) =>
      new Promise<string>((_resolve, reject) => {
        if (heeds) signal.addEventListener('abort', () => reject(new Error('the tool was interrupted')));
      }),
  });

  test('is stopped, and the model reads that it took too long', async () => {
    expect(await toolsOf([hanging(true)]).call(callOf('add', '{}'), { ...terms, limitMs: 30 })).toEqual({
      call_id: 'call-1',
      text: 'add failed: timed out after 0.03 s',
      is_error: true,
    });
  });

  test('ends the attempt if it ignores its signal [B103]', async () => {
    const calling = toolsOf([hanging(false)]).call(callOf('add', '{}'), { ...terms, limitMs: 30 });
    await expect(calling).rejects.toMatchObject({
      code: 'CHILD_TOOL_TIMED_OUT',
      message: 'add timed out after 0.03 s and ignored its abort signal for 1 s',
    });
  });

  test('does not hold up an abort either', async () => {
    const controller = new AbortController();
    const calling = toolsOf([hanging(false)]).call(callOf('add', '{}'), { ...terms, signal: controller.signal });
    controller.abort(new Error('cancelled'));
    await expect(calling).rejects.toThrow('cancelled');
  });
});

test('cuts a result that is too long and says so', async () => {
  const wordy = { ...add, run: async () => 'x'.repeat(100_000) };
  const { text } = await toolsOf([wordy]).call(callOf('add', '{}'), terms);
  expect(text.length).toBeLessThan(66_000);
  expect(text).toContain('[truncated; the full result has 100000 bytes]');
});

test('cuts the long results of one turn together, so that they fit into its checkpoint', () => {
  const result = (call_id: string, text: string) => ({ call_id, text, is_error: false });
  const few = [result('a', 'short'), result('b', 'x'.repeat(64 * 1024))];
  expect(fitResults(few)).toBe(few);
  const escaped = '\u0001'.repeat(64 * 1024);
  const many = [result('short', 'short'), ...Array.from({ length: 127 }, (_, at) => result(`${at}`, escaped))];
  const fitted = fitResults(many);
  expect(JSON.stringify(fitted).length).toBeLessThan(800 * 1024);
  expect(fitted[0]).toEqual(many[0]);
  expect(fitted[1]?.text).toMatch(
    /\n\[truncated to fit beside the results of other calls; the full result has 65536 bytes\]$/,
  );
});

test('is told to the model as a JSON Schema without unknown arguments', () => {
  expect(add.definition.parameters).toMatchObject({
    type: 'object',
    required: ['a', 'b'],
    additionalProperties: false,
  });
});

test('reports progress at most once a second, and not after the end of the call', async () => {
  const reports: string[] = [];
  let late: (() => void) | undefined;
  const busy = {
    ...add,
    run: async (_: unknown, { progress }: CallContext) => {
      for (let at = 0; at < 1_000; at++) progress(`${'p'.repeat(2_000)}${at}`);
      late = () => progress('late');
      return 'done';
    },
  };
  await toolsOf([busy]).call(callOf('add', '{}'), { ...terms, onProgress: (text) => reports.push(text) });
  late?.();
  expect(reports).toEqual([`${'p'.repeat(999)}…`]);
});
