import { expect, test } from 'vitest';
import { defineTool } from '../../src/agent/tool.ts';
import { ToolGate } from '../../src/agent/tool-policy.ts';
import { Tools } from '../../src/agent/tools.ts';
import type { ToolPolicy } from '../../src/contract/tool-policy.ts';
import { aSession } from '../helpers/tools.ts';

test.each<[string, boolean, ToolPolicy[]]>([
  ['read_file', true, [{}]],
  ['read_file', false, [{ read_file: 'deny' }]],
  ['read_file', true, [{ '*': 'deny', read_file: 'allow' }]],
  ['github__delete_repo', false, [{ 'github__*': 'allow', 'github__delete_*': 'deny' }]],
  ['github__get_repo', true, [{ 'github__*': 'allow', 'github__delete_*': 'deny', '*': 'deny' }]],
  ['github__get_repo', false, [{ 'github__*_repo': 'deny', '*': 'allow' }]],
  ['ab', false, [{ 'a*': 'allow', '*b': 'deny' }]],
  ['a', false, [{ '*': 'allow', '**': 'deny' }]],
  ['aba', true, [{ 'ab*ba': 'deny' }]],
  ['abba', false, [{ 'ab*ba': 'deny' }]],
  ['send', false, [{ send: 'deny' }, { send: 'allow' }]],
  ['send', false, [{}, { 's*': 'deny' }]],
  ['toString', true, [{}]],
])('%s is allowed: %s, by %j', (name, isAllowed, policies) => {
  expect(new ToolGate(policies).allows(name)).toBe(isAllowed);
});

test('a pattern with many wildcards takes no time', () => {
  const pattern = '*a'.repeat(32);
  const gate = new ToolGate([{ [pattern]: 'deny' }]);
  const startedMs = performance.now();
  expect(gate.allows(`${'a'.repeat(100_000)}b`)).toBe(true);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});

test('a denied tool is not shown and never runs; the model reads why', async () => {
  let runs = 0;
  const tool = (name: string) =>
    defineTool({
      name,
      description: 'Does it.',
      class: 'effect',
      parameters: { type: 'object' },
      run: () => String(++runs),
    });
  const owner = { toolset: 'own', session: aSession(), restores: false, faultCode: 'TOOLSET_UNAVAILABLE' as const };
  const tools = new Tools(
    ['look', 'send'].map((name) => ({ tool: tool(name), ...owner })),
    new ToolGate([{ send: 'deny' }]),
  );
  expect(tools.definitions.map(({ name }) => name)).toEqual(['look']);
  expect(tools.classOf('send')).toBeUndefined();
  const terms = { place: '1.1', signal: new AbortController().signal, limitMs: 1_000, onProgress: () => undefined };
  expect(await tools.call({ id: 'c', name: 'send', arguments: '{}' }, terms)).toEqual({
    call_id: 'c',
    text: 'The tool policy denies send. It did not run, and no call of it will.',
    is_error: true,
  });
  const unknown = await tools.call({ id: 'c', name: 'fly', arguments: '{}' }, terms);
  expect(unknown.text).toBe('There is no tool "fly". Available tools: look.');
  expect(runs).toBe(0);
});
