import { expect, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import type { ErrandEvent } from '../../src/contract/events.ts';
import type { Metadata } from '../../src/contract/task.ts';
import { BatchEvents } from '../../src/producer/batch-events.ts';

const batchId = newBatchId();

function turn(index: number, turn: number): ErrandEvent {
  const of = { version: 1 as const, batch_id: batchId, at: '2026-11-28T00:00:00.000Z' };
  return { event: 'turn_recorded', epoch: 1, turn, index, task_id: taskIdOf(batchId, index), ...of };
}

/** Takes events one after the other while nothing is answered, then waits for `count` events. */
async function heardOf(events: ErrandEvent[], metadata: (index: number) => Metadata | undefined, isAny = true) {
  const asked: number[][] = [];
  const heard: ErrandEvent[] = [];
  const all = Promise.withResolvers<void>();
  const reader = {
    batch: async () => ({ batch_name: 'named' }),
    tasks: async (indexes: readonly number[]) => {
      asked.push([...indexes]);
      return isAny ? indexes.map(metadata) : null;
    },
  };
  const listener = (event: ErrandEvent) => {
    heard.push(event);
    if (heard.length === events.length) all.resolve();
  };
  const passing = new BatchEvents(reader, listener, all.reject);
  for (const event of events) passing.take(event);
  await all.promise;
  return { asked, heard };
}

test('events keep their order, and the metadata of a task is read once', async () => {
  const events = [turn(0, 1), turn(1, 1), turn(0, 2), turn(2, 1), turn(1, 2)];
  const { asked, heard } = await heardOf(events, (index) => (index === 2 ? undefined : { index }));
  expect(heard).toEqual(
    events.map((event) => ({
      ...event,
      batch_name: 'named',
      ...('index' in event && event.index !== 2 && { metadata: { index: event.index } }),
    })),
  );
  expect(asked).toEqual([[0], [1, 2]]);
});

test('a batch without metadata is asked for it once', async () => {
  const events = [turn(0, 1), turn(1, 1), turn(2, 1)];
  const { asked, heard } = await heardOf(events, () => undefined, false);
  expect(heard).toHaveLength(3);
  expect(asked).toEqual([[0]]);
});

test.each([
  ['throws', (error: Error) => error],
  ['rejects', (error: Error) => Promise.reject(error)],
])('a listener that %s is reported, and hears the later events', async (_, fail) => {
  const events = [turn(0, 1), turn(1, 1), turn(2, 1)];
  const heard: ErrandEvent[] = [];
  const errors: Error[] = [];
  const all = Promise.withResolvers<void>();
  const listener = (event: ErrandEvent) => {
    heard.push(event);
    const failed = fail(new Error('a bug'));
    if (failed instanceof Error) throw failed;
    return failed;
  };
  const passing = new BatchEvents({ batch: async () => null, tasks: async () => null }, listener, (error) => {
    errors.push(error);
    if (errors.length === events.length) all.resolve();
  });
  for (const event of events) passing.take(event);
  await all.promise;
  expect(heard).toEqual(events);
  const code = 'USAGE_INVALID';
  expect(errors[0]).toMatchObject({
    code,
    batchId,
    message: expect.stringContaining('at the event turn_recorded: a bug'),
  });
});
