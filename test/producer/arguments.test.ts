import { expect, test } from 'vitest';
import { batchIdOf, taskIdOf } from '../../src/producer/derived-ids.ts';
import type { Producer } from '../../src/producer/producer.ts';
import { openProducer } from './open-producer.ts';

/** A call as a program without types makes it. */
const call = (producer: Producer, name: string, ...args: unknown[]): unknown =>
  Reflect.apply(Reflect.get(producer, name), producer, args);

const unreadable = new Proxy(
  {},
  {
    get() {
      throw new Error('not readable');
    },
  },
);
const BATCH = 'b000000000000000000000';
const NO_IDS = [undefined, null, 5, 5n, Symbol('x'), {}, [BATCH], Object(BATCH), { batch_id: [BATCH] }, () => BATCH];

/** Reads all that an iterator has. */
async function allOf(items: unknown): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items as AsyncIterable<unknown>) all.push(item);
  return all;
}

test.each(NO_IDS.map((id) => [typeof id, id]))(
  'an id that is no text (%s) is NOT_FOUND in every call',
  async (_, id) => {
    const producer = openProducer();
    const missing = expect.objectContaining({ name: 'ErrandError', code: 'NOT_FOUND' });
    await expect(call(producer, 'status', id)).rejects.toEqual(missing);
    await expect(call(producer, 'settled', id)).rejects.toEqual(missing);
    await expect(call(producer, 'cancel', id)).rejects.toEqual(missing);
    await expect(call(producer, 'onEvent', id, () => undefined)).rejects.toEqual(missing);
    await expect(allOf(call(producer, 'outcomes', id))).rejects.toEqual(missing);
    expect(() => Reflect.apply(taskIdOf, null, [id, 0])).toThrow(missing);
  },
);

test.each<[string, string, unknown[]]>([
  ['a batch that cannot be read', 'status', [unreadable]],
  ['a batch that cannot be read', 'settled', [unreadable]],
  ['options that are no object', 'settled', [BATCH, 'soon']],
  ['a signal that is none', 'settled', [BATCH, { signal: 5 }]],
  ['a signal that cannot be read', 'settled', [BATCH, unreadable]],
  ['a reason that has no text', 'cancel', [BATCH, unreadable]],
  ['a listener that is no function', 'onEvent', [BATCH, 'print']],
])('%s is USAGE_INVALID in %s', async (_, name, args) => {
  await expect(call(openProducer(), name, ...args)).rejects.toMatchObject({
    name: 'ErrandError',
    code: 'USAGE_INVALID',
  });
});

test.each([Number.NaN, '1', 1n, Symbol('x'), {}])('outcomes from no number are USAGE_INVALID', async (from) => {
  await expect(allOf(call(openProducer(), 'outcomes', BATCH, { from }))).rejects.toMatchObject({
    code: 'USAGE_INVALID',
    message: expect.stringContaining('from: expected the index of a task'),
  });
});

test('ids are derived from texts alone, and any other value is refused', () => {
  expect(() => Reflect.apply(batchIdOf, null, [unreadable])).toThrow(
    expect.objectContaining({ code: 'BATCH_INVALID' }),
  );
  for (const index of [Symbol('x'), unreadable, '0', -1])
    expect(() => Reflect.apply(taskIdOf, null, [BATCH, index])).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
});
