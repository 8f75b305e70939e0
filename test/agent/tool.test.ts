import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool, type ObjectSchema, type ToolOutput } from '../../src/agent/tool.ts';
import { ToolReply } from '../../src/agent/tool-reply.ts';
import { aSession, toolsOf } from '../helpers/tools.ts';

const fields = { name: 'add', description: 'Adds.', class: 'read' } as const;
const call = { callId: 't/1.1', signal: new AbortController().signal, progress: () => undefined, session: aSession() };

test('a tool takes a JSON Schema, and gets only arguments that fit', async () => {
  const parameters = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] } as const;
  const tool = defineTool({ ...fields, parameters, run: ({ a }) => `a is ${a}` });
  expect(tool.definition.parameters).toEqual(parameters);
  expect(await tool.run({ a: 1 }, call)).toBe('a is 1');
  await expect(tool.run({ a: 'one' }, call)).rejects.toThrow('invalid arguments');
});

test('a rule at the top of the parameters moves into the description, and still holds', async () => {
  const properties = { id: { type: 'number' }, name: { type: 'string' } };
  const anyOf = ['id', 'name'].map((name) => ({ type: 'object', properties, required: [name] }));
  const tool = defineTool({ ...fields, parameters: { type: 'object', properties, anyOf }, run: () => 'found' });
  expect(tool.definition.parameters).toEqual({ type: 'object', properties });
  const rule = `The arguments must also fit this JSON Schema: ${JSON.stringify({ anyOf })}`;
  expect(tool.definition.description).toBe(`Adds.\n\n${rule}`);
  expect(await tool.run({ id: 1 }, call)).toBe('found');
  await expect(tool.run({}, call)).rejects.toThrow('invalid arguments');
});

test.each<[string, z.ZodObject | ObjectSchema]>([
  ['a date', z.object({ at: z.date() })],
  ['a reference to another file', { type: 'object', properties: { a: { $ref: 'http://host/a' } } }],
])('parameters with %s are refused when the tool is defined', (_, parameters) => {
  const define = () => defineTool({ ...fields, parameters: parameters as ObjectSchema, run: () => '' });
  expect(define).toThrow('the parameters of tool "add" are not a JSON Schema');
});

const terms = { ...call, place: '1.1', limitMs: 9_000, onProgress: call.progress };
const callAdd = { id: 'c', name: 'add', arguments: '' };

test.each<[string, ToolOutput, object]>([
  ['text as it is', 'two', { text: 'two', is_error: false }],
  ['a value as JSON', { sum: 2, of: [1, 1] }, { text: '{"sum":2,"of":[1,1]}', is_error: false }],
  ['an error that the tool reports', new ToolReply({ text: 'no', isError: true }), { text: 'no', is_error: true }],
])('the model reads %s', async (_, output, expected) => {
  const tool = defineTool({ ...fields, parameters: z.object({}), run: () => output });
  expect(await toolsOf([tool]).call(callAdd, terms)).toEqual({ call_id: 'c', ...expected });
});

test('a tool that returns nothing that JSON can carry fails its call', async () => {
  const tool = defineTool({ ...fields, parameters: z.object({}), run: () => undefined as never });
  expect(await toolsOf([tool]).call(callAdd, terms)).toEqual({
    call_id: 'c',
    is_error: true,
    text: 'add failed: expected the tool to return text, JSON or a ToolReply, got undefined',
  });
});

test('the limit of a tool lowers that of the worker; its call id names task and place', async () => {
  const seen: string[] = [];
  const hang = defineTool({
    ...fields,
    limitMs: 20,
    parameters: z.object({}),
    run: (_, { callId, signal }) => {
      seen.push(callId);
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  const session = aSession();
  const asked = { id: 'c', name: 'add', arguments: '{}' };
  const result = await toolsOf([hang], { session }).call(asked, {
    ...call,
    place: '4.2',
    limitMs: 60_000,
    onProgress: call.progress,
  });
  expect(result.text).toContain('timed out after 0.02 s');
  expect(seen).toEqual([`${session.taskId}/4.2`]);
});
