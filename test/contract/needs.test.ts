import { expect, test } from 'vitest';
import { isTooNew, needsFor, needsOf, READER_VERSION } from '../../src/contract/needs.ts';

test.each([
  [{ version: 1 }, 1],
  [{ version: 1, needs: 1 }, 1],
  [{ version: 1, needs: 99 }, 99],
  [{ version: 2 }, 2],
  [{ version: 7, needs: 3 }, 7],
  [{ version: 1, needs: 1e308 }, 1e308],
  [{ needs: -4 }, 1],
  [{ needs: 1.5, version: '2' }, 1],
  [{ needs: Number.NaN }, 1],
  [{}, 1],
  [null, 1],
  ['needs', 1],
  [Object.create({ needs: 9 }), 1],
])('%j asks for reader version %d', (value, expected) => {
  expect(needsOf(value)).toBe(expected);
  expect(isTooNew(value)).toBe(expected > READER_VERSION);
});

test('a writer puts the lowest version that the content allows', () => {
  const since = { 'task.output_schema': 2, 'route.fallbacks': 3, 'task.toolsets': 2 };
  expect(needsFor({ task: { goal: 'Go' } }, since)).toEqual({});
  expect(needsFor({ task: { goal: 'Go', output_schema: undefined } }, since)).toEqual({});
  expect(needsFor({ task: { output_schema: {} } }, since)).toEqual({ needs: 2 });
  expect(needsFor({ task: { output_schema: null }, route: { fallbacks: [] } }, since)).toEqual({ needs: 3 });
  expect(needsFor({ task: 'text', route: null }, since)).toEqual({});
});

test('a task with instructions waits for a worker that knows them', () => {
  expect(needsFor({ task: { goal: 'Go', instructions: 'In German.' } })).toEqual({ needs: 3 });
  expect(needsFor({ task: { goal: 'Go', context: 'A text.' } })).toEqual({});
});

test('a turn that changes files in a new way needs a worker that can change them again', () => {
  const turn = (name: string) => ({ version: 1, reply: { tool_calls: [{ name: 'read_file' }, { name }] } });
  for (const name of ['append_file', 'edit_file', 'delete_file']) expect(needsFor(turn(name))).toEqual({ needs: 3 });
  for (const name of ['write_file', 'search_files', 'find_order']) expect(needsFor(turn(name))).toEqual({});
});

test('a record with images in tool results needs a worker that sends them again', () => {
  const result = { call_id: 'c', text: '', is_error: false };
  const images = [{ type: 'image/png', data: 'iVBO' }];
  expect(needsFor({ version: 1, tool_results: [result, { ...result, images }] })).toEqual({ needs: 3 });
  expect(needsFor({ version: 1, tool: 'snap', result: { ...result, images } })).toEqual({ needs: 3 });
  expect(needsFor({ version: 1, tool_results: [result], result })).toEqual({});
});
