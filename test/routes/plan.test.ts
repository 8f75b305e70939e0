import { describe, expect, test } from 'vitest';
import { isErrandError } from '../../src/errors.ts';
import { planBatch } from '../../src/routes/plan.ts';
import { optionsOf } from '../producer/open-producer.ts';

async function fingerprintOf(batch: object): Promise<string> {
  const { limits, routing } = optionsOf();
  return (await planBatch(batch, limits, routing)).fingerprint;
}

async function problemsOf(batch: object): Promise<string[][]> {
  const { limits, routing } = optionsOf();
  const error: unknown = await planBatch(batch, limits, { ...routing, delegation: {} }).catch(
    (thrown: unknown) => thrown,
  );
  return isErrandError(error, 'BATCH_INVALID') ? error.problems.map(({ path, message }) => [path, message]) : [];
}

describe('the problems of a batch', () => {
  const known = 'known: anthropic, openai';
  const levels = 'expected one of none, minimal, low, medium, high, xhigh, max';

  test('name what is wrong with the route of a task that does not fit either', async () => {
    const task = { goal: 'a', provider: 'nobody', reasoning_effort: 'huge' };
    expect(await problemsOf({ tasks: [task, { provider: 5 }] })).toEqual([
      ['tasks[0].reasoning_effort', `${levels}, got "huge"`],
      ['tasks[0].provider', `unknown provider "nobody"; ${known}`],
      ['tasks[1].goal', 'is missing; every task needs a goal'],
      ['tasks[1].provider', 'expected a string, got 5'],
    ]);
  });

  test('come with the warnings, such as of a provider beside tasks, which routes no task', async () => {
    const { limits, routing } = optionsOf();
    const refused = (batch: object) => planBatch(batch, limits, { ...routing, delegation: {} });
    const warning = 'provider: ignored beside tasks; to set it for every task, write it as defaults.provider';
    await expect(refused({ provider: 'openai', tasks: [{ goal: 'a' }] })).rejects.toMatchObject({
      code: 'BATCH_INVALID',
      problems: [{ path: 'tasks[0].provider' }],
      warnings: [warning],
    });
    await expect(refused({ tasks: [{ goal: 'a', role: 'leaf' }], metadata: 5 })).rejects.toMatchObject({
      warnings: ['role: accepted and ignored (in 1 task)'],
    });
    const { warnings } = await planBatch({ provider: 'openai', tasks: [{ goal: 'a' }] }, limits, routing);
    expect(warnings).toEqual([warning]);
  });

  test('list the providers also for a name that cannot be one', async () => {
    expect(await problemsOf({ goal: 'a', provider: 'OpenAI' })).toEqual([
      ['provider', `unknown provider "OpenAI"; ${known}`],
    ]);
  });

  test('do not repeat a key in the place of a provider', async () => {
    const provider = `sk-${'7Gq2'.repeat(9)}`;
    expect(await problemsOf({ goal: 'a', provider })).toEqual([
      ['provider', `unknown provider a text of 39 characters; ${known}`],
    ]);
  });

  test('do not include a route that an option of the batch would have given', async () => {
    expect(await problemsOf({ priority: 0, defaults: { provider: 'openai' }, tasks: [{ goal: 'a' }] })).toEqual([
      ['priority', 'expected a number of at least 1, got 0'],
    ]);
  });
});

const metadata = { ticket: 7, labels: ['a', 'b'], owner: { team: 'core', name: 'Ada' } };
const reordered = { owner: { name: 'Ada', team: 'core' }, labels: ['a', 'b'], ticket: 7 };

describe('the fingerprint of a batch', () => {
  test('does not depend on the order of fields, at whatever depth', async () => {
    const one = { idempotency_key: 'k', metadata, tasks: [{ goal: 'a', metadata, budget: { turns: 2, seconds: 9 } }] };
    const other = {
      tasks: [{ budget: { seconds: 9, turns: 2 }, metadata: reordered, goal: 'a' }],
      metadata: reordered,
      idempotency_key: 'k',
    };
    expect(await fingerprintOf(other)).toBe(await fingerprintOf(one));
  });

  test.each([
    ['another value', { ...metadata, ticket: 8 }],
    ['a value of another type', { ...metadata, ticket: '7' }],
    ['a list in another order', { ...metadata, labels: ['b', 'a'] }],
    ['a field less', { ticket: 7, labels: ['a', 'b'] }],
  ])('tells %s apart', async (_what, changed) => {
    const of = (data: object) => fingerprintOf({ tasks: [{ goal: 'a', metadata: data }] });
    expect(await of(changed)).not.toBe(await of(metadata));
  });

  test.each<[string, object]>([
    ['name', { name: 'other' }],
    ['background', { context: 'other' }],
    ['defaults', { defaults: { model: 'other' } }],
    ['parent', { parent: { model: 'other' } }],
    ['admission', { admission: 'task' }],
    ['limit of tasks at a time', { max_concurrent: 2 }],
    ['metadata', { metadata }],
    ['route', { model: 'other' }],
  ])('tells batches with another %s apart', async (_what, changed) => {
    const batch = { idempotency_key: 'k', tasks: [{ goal: 'a' }] };
    expect(await fingerprintOf({ ...batch, ...changed })).not.toBe(await fingerprintOf(batch));
  });
});

test('tasks on one route are one route to check, named by its first task [B55]', async () => {
  const { limits, routing } = optionsOf();
  const [a, b] = [{ provider: 'openai' }, { provider: 'anthropic', reasoning_effort: 'low' }];
  const tasks = [a, b, a, b, { ...b, reasoning_effort: 'high' }].map((route) => ({ goal: 'a', ...route }));
  const { record } = await planBatch({ tasks }, limits, routing);
  expect(record.routes.map(({ provider, first_index }) => [provider, first_index])).toEqual([
    ['openai', 0],
    ['anthropic', 1],
    ['anthropic', 4],
  ]);
});
