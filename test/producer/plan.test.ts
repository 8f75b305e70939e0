import { describe, expect, test } from 'vitest';
import { planBatch } from '../../src/producer/plan.ts';
import { optionsOf } from './open-producer.ts';

async function fingerprintOf(batch: object): Promise<string> {
  const { limits, routing } = optionsOf();
  return (await planBatch(batch, limits, routing)).fingerprint;
}

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
