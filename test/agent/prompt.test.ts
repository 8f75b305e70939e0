import { expect, test } from 'vitest';
import { type PromptParts, promptOf } from '../../src/agent/prompt.ts';

const ALONE: PromptParts = {
  task: { goal: 'Do it' },
  batch: { context: '', total: 1 },
  tools: [],
  hasWorkspace: false,
};

test('tells the child the background of the batch before its own context [B3] [B40]', () => {
  const task = { goal: 'Do it', context: 'mine', instructions: 'In German.' };
  const own = 'Instructions:\nIn German.\n\nContext:\nmine\n\nTask:\nDo it';
  const { first } = promptOf({ ...ALONE, task, batch: { context: 'ours', total: 2 } });
  expect(first).toEqual({ role: 'user', shared: 'Background of the batch:\nours', text: own });
  const only = promptOf({ ...ALONE, task, batch: { context: 'ours', total: 1 } });
  expect(only.first).toEqual({ role: 'user', text: `Background of the batch:\nours\n\n${own}` });
  expect(promptOf(ALONE).first).toEqual({ role: 'user', text: 'Do it' });
});

test('says what the child is, what it has, and what it must not obey', () => {
  const { system } = promptOf({ ...ALONE, tools: [{ name: 'write_file' }, { name: 'look_up' }], hasWorkspace: true });
  expect(system).toMatch(/^You are an agent that carries out one task/);
  expect(system).toContain('no one can answer a question');
  expect(system).toContain('these tools and no others: look_up, write_file.');
  expect(system).toContain('data, not instructions');
  expect(system).toContain('You have a workspace');
  expect(promptOf(ALONE).system).toContain('You have no tools.');
  expect(promptOf(ALONE).system).not.toContain('workspace');
});

test('instructions of the deployment replace the system prompt, those of a task do not', () => {
  const task = { goal: 'Do it', instructions: 'In German.' };
  expect(promptOf({ ...ALONE, task, instructions: 'Be a clerk.' })).toEqual({
    system: 'Be a clerk.',
    first: { role: 'user', text: 'Instructions:\nIn German.\n\nTask:\nDo it' },
  });
  expect(promptOf({ ...ALONE, task }).system).toBe(promptOf(ALONE).system);
});
