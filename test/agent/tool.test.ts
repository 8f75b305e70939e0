import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool, type ObjectSchema } from '../../src/agent/tool.ts';
import { aSession, toolsOf } from '../helpers/tools.ts';

const fields = { name: 'add', description: 'Adds.', class: 'read' } as const;
const call = { callId: 't/1.1', signal: new AbortController().signal, session: aSession() };

test('a tool takes a JSON Schema, and gets only arguments that fit', async () => {
  const parameters = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] } as const;
  const tool = defineTool({ ...fields, parameters, run: ({ a }) => `a is ${a}` });
  expect(tool.definition.parameters).toEqual(parameters);
  expect(await tool.run({ a: 1 }, call)).toBe('a is 1');
  await expect(tool.run({ a: 'one' }, call)).rejects.toThrow('invalid arguments');
});

test.each<[string, z.ZodObject | ObjectSchema]>([
  ['a date', z.object({ at: z.date() })],
  ['a reference to another file', { type: 'object', properties: { a: { $ref: 'http://host/a' } } }],
])('parameters with %s are refused when the tool is defined', (_, parameters) => {
  const define = () => defineTool({ ...fields, parameters: parameters as ObjectSchema, run: () => '' });
  expect(define).toThrow('the parameters of tool "add" are not a JSON Schema');
});

test('a tool that returns no text fails its call', async () => {
  const tool = defineTool({ ...fields, parameters: z.object({}), run: () => 7 as unknown as string });
  const result = await toolsOf([tool]).call(
    { id: 'c', name: 'add', arguments: '' },
    { ...call, place: '1.1', limitMs: 9 },
  );
  expect(result).toMatchObject({
    is_error: true,
    text: 'add failed: expected the tool to return a string, got number',
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
  const result = await toolsOf([hang], { session }).call(asked, { ...call, place: '4.2', limitMs: 60_000 });
  expect(result.text).toContain('timed out after 0.02 s');
  expect(seen).toEqual([`${session.taskId}/4.2`]);
});

test('a tool that is not from defineTool and returns no text fails its call', async () => {
  const tool = {
    ...defineTool({ ...fields, parameters: z.object({}), run: () => '' }),
    run: async () => ['a'] as never,
  };
  const terms = { ...call, place: '1.1', limitMs: 9 };
  const result = await toolsOf([tool]).call({ id: 'c', name: 'add', arguments: '' }, terms);
  expect(result).toMatchObject({ is_error: true, text: 'add failed: expected the tool to return a string, got array' });
});
