import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/contract/limits.ts';
import { planBatch } from '../../src/producer/plan.ts';

const table = {
  providers: { openai: { default_model: 'gpt-5.6-sol' }, local: {} },
  delegation: {},
  precedence: 'strict' as const,
};

test('what the schema refuses and what has no route are reported together, in the order of the tasks', async () => {
  const tasks = [
    { goal: 1 },
    { goal: 'a', provider: 'nobody' },
    { goal: 'b', provider: 'local' },
    { goal: 'c', provider: 'openai' },
  ];
  await expect(planBatch({ tasks }, DEFAULT_LIMITS, table)).rejects.toMatchObject({
    code: 'BATCH_INVALID',
    problems: [
      { path: 'tasks[0].goal', index: 0 },
      { path: 'tasks[1].provider', index: 1, message: expect.stringContaining('known: local, openai') },
      { path: 'tasks[2].model', index: 2 },
    ],
  });
});

test('the fingerprint is of what was asked for: another default model makes no other batch, another task does', async () => {
  const fingerprintOf = async (goal: string, model: string) => {
    const providers = { openai: { default_model: model } };
    const input = { idempotency_key: 'k', tasks: [{ goal, provider: 'openai' }] };
    return (await planBatch(input, DEFAULT_LIMITS, { ...table, providers })).fingerprint;
  };
  expect(await fingerprintOf('a', 'm1')).toBe(await fingerprintOf('a', 'm2'));
  expect(await fingerprintOf('a', 'm1')).not.toBe(await fingerprintOf('b', 'm1'));
});
