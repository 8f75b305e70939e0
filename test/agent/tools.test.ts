import { expect, test } from 'vitest';
import { z } from 'zod';
import { callTool, defineTool } from '../../src/agent/tools.ts';

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers.',
  effect: 'read',
  parameters: z.strictObject({ a: z.number(), b: z.number() }),
  run: async ({ a, b }) => String(a + b),
});
const live = new AbortController().signal;
const callOf = (name: string, args: string) => ({ id: 'call-1', name, arguments: args });

test('runs a tool with parsed arguments', async () => {
  expect(await callTool([add], callOf('add', '{"a":1,"b":2}'), live)).toEqual({
    call_id: 'call-1',
    text: '3',
    is_error: false,
  });
});

test.each([
  ['an unknown tool', callOf('subtract', '{}'), /no tool "subtract".*Tools: add/],
  ['arguments that are not JSON', callOf('add', '{"a":1'), /are not JSON/],
  ['arguments that do not fit', callOf('add', '{"a":"one","b":2}'), /do not fit[\s\S]*a/],
  ['an argument nobody knows', callOf('add', '{"a":1,"b":2,"c":3}'), /do not fit[\s\S]*c/],
])('tells the model of %s instead of failing', async (_, call, text) => {
  expect(await callTool([add], call, live)).toMatchObject({ is_error: true, text: expect.stringMatching(text) });
});

test('tells the model what a tool threw', async () => {
  const broken = { ...add, run: async () => Promise.reject(new Error('no such number')) };
  expect(await callTool([broken], callOf('add', '{}'), live)).toMatchObject({
    is_error: true,
    text: 'add failed: no such number',
  });
});

test('an abort while a tool runs ends the run and is no answer', async () => {
  const controller = new AbortController();
  const hanging = {
    ...add,
    run: (_: unknown, signal: AbortSignal) =>
      new Promise<string>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
  };
  const calling = callTool([hanging], callOf('add', '{}'), controller.signal);
  controller.abort(new Error('cancelled'));
  await expect(calling).rejects.toThrow('cancelled');
});

test('cuts a result that is too long and says so', async () => {
  const wordy = { ...add, run: async () => 'x'.repeat(100_000) };
  const { text } = await callTool([wordy], callOf('add', '{}'), live);
  expect(text.length).toBeLessThan(66_000);
  expect(text).toContain('[cut: 100000 characters in all]');
});

test('is told to the model as a JSON Schema without unknown arguments', () => {
  expect(add.definition.parameters).toMatchObject({
    type: 'object',
    required: ['a', 'b'],
    additionalProperties: false,
  });
});
