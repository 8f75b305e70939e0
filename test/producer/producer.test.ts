import { describe, expect, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { Outcome } from '../../src/contract/outcome.ts';
import { BatchRecords } from '../../src/records/batch-records.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import { openRedis } from '../helpers/redis.ts';
import { outcomeOf, summaryOf } from '../records/samples.ts';
import { openProducer, optionsOf, tasksOf } from './open-producer.ts';

/** A producer with a batch enqueued, and the records as a worker would write them. */
async function enqueued(total: number) {
  const options = optionsOf();
  const producer = openProducer(options);
  const { batch_id: batchId } = await producer.enqueue({ name: 'n', tasks: tasksOf(total) });
  const redis = openRedis();
  const tasks = new TaskRecords(redis, options.prefix, new Redactor());
  const batches = new BatchRecords(redis, options.prefix, new Redactor(), 1_000);
  const close = (index: number) => tasks.close(0, outcomeOf(taskIdOf(batchId, index), `answer ${index}`));
  return { producer, batchId, batches, tasks, close };
}

describe('status', () => {
  test('counts what runs and what has ended [B130]', async () => {
    const { producer, batchId, tasks, close } = await enqueued(3);
    await close(0);
    await tasks.open(taskIdOf(batchId, 1), 'anthropic', 'w');
    expect(await producer.status(batchId)).toEqual({
      batch_id: batchId,
      name: 'n',
      total: 3,
      counts: { succeeded: 1, failed: 0, rejected: 0, cancelled: 0 },
      ended: 1,
      running: 1,
      status: 'running',
      waits_for: [{ reason: 'no_worker', message: 'no worker is alive', remedy: 'Start one: errand worker.' }],
    });
  });
});

describe('waits', () => {
  test('without a live worker are told of running tasks and of an unsettled batch too', async () => {
    const { producer, batchId, tasks, batches } = await enqueued(1);
    await tasks.open(taskIdOf(batchId, 0), 'openai', 'w');
    expect(await producer.status(batchId)).toMatchObject({ running: 1, waits_for: [{ reason: 'no_worker' }] });
    await tasks.close(1, outcomeOf(taskIdOf(batchId, 0), 'answer'));
    expect(await producer.status(batchId)).toMatchObject({ ended: 1, waits_for: [{ reason: 'no_worker' }] });
    await batches.settle(summaryOf(batchId, 'n'));
    expect(await producer.status(batchId)).not.toHaveProperty('waits_for');
  });
});

describe('outcomes', () => {
  test('come in the order of the tasks, as soon as each has ended [B115] [B139] [B140]', async () => {
    const { producer, batchId, close } = await enqueued(450);
    await Promise.all([449, 3, 0, 250, 199, 200].map(close));
    const indexes = async (outcomes: AsyncIterable<Outcome>) => {
      const found: number[] = [];
      for await (const { index } of outcomes) found.push(index);
      return found;
    };
    expect(await indexes(producer.outcomes(batchId))).toEqual([0, 3, 199, 200, 250, 449]);
    expect(await indexes(producer.outcomes(batchId, { from: 200 }))).toEqual([200, 250, 449]);
  });
});

describe('settled', () => {
  test('resolves with the summary as soon as the batch settles, for everyone who waits', async () => {
    const { producer, batchId, batches } = await enqueued(3);
    const waiting = [producer.settled(batchId), producer.settled(batchId)];
    const listening = Promise.withResolvers<void>();
    await producer.onEvent(batchId, () => listening.resolve());
    const summary = summaryOf(batchId, 'n');
    await batches.settle(summary);
    await listening.promise;
    expect(await Promise.all(waiting)).toEqual([summary, summary]);
    expect(await producer.settled(batchId)).toEqual(summary);
    expect(await producer.status(batchId)).toMatchObject({ status: 'settled', summary });
  });

  test('rejects with the reason of its signal, and leaves the batch as it is [B107]', async () => {
    const { producer, batchId } = await enqueued(3);
    const controller = new AbortController();
    const waiting = producer.settled(batchId, { signal: controller.signal });
    controller.abort(new Error('no more'));
    await expect(waiting).rejects.toThrow('no more');
    expect((await producer.status(batchId)).status).toBe('running');
  });
});

describe('cancel', () => {
  test('flags a batch or a task, first reason first, and says so where it has ended', async () => {
    const { producer, batchId, batches, close } = await enqueued(3);
    await close(1);
    expect(await producer.cancel(taskIdOf(batchId, 0), 'one')).toMatchObject({
      status: 'cancelled',
      flag: { reason: 'one' },
    });
    expect(await producer.cancel(taskIdOf(batchId, 1), 'late')).toMatchObject({
      status: 'ended',
      outcome: { index: 1 },
    });
    expect(await producer.cancel(batchId, 'first')).toMatchObject({ flag: { reason: 'first' } });
    expect(await producer.cancel(batchId, 'second')).toMatchObject({ flag: { reason: 'first' } });
    expect(await producer.status(batchId)).toMatchObject({ cancel: { reason: 'first' } });
    await batches.settle(summaryOf(batchId, 'n'));
    expect(await producer.cancel(batchId, 'late')).toEqual({ status: 'settled' });
  });
});

describe('the reason of a cancel', () => {
  test.each([
    [undefined, 'no reason given'],
    [42, '42'],
    ['x'.repeat(5_000), `${'x'.repeat(999)}…`],
  ])('may be anything that a caller without types hands in: %.20s', async (reason, told) => {
    const { producer, batchId } = await enqueued(1);
    expect(await producer.cancel(batchId, reason as string)).toMatchObject({ flag: { reason: told } });
    expect(await producer.status(batchId)).toMatchObject({ cancel: { reason: told } });
  });
});

describe('what is not on record', () => {
  test.each([newBatchId(), 'no id at all', '', 'b'.repeat(10_000)])(
    'is NOT_FOUND, whatever is asked of it: %.20s',
    async (id) => {
      const producer = openProducer();
      const notFound = expect.objectContaining({ code: 'NOT_FOUND' });
      await expect(producer.status(id)).rejects.toEqual(notFound);
      await expect(producer.settled(id)).rejects.toEqual(notFound);
      await expect(producer.cancel(id, 'why')).rejects.toEqual(notFound);
      await expect(producer.outcomes(id).next()).rejects.toEqual(notFound);
      await expect(producer.cancel(`${id}-0`, 'why')).rejects.toEqual(notFound);
    },
  );

  test('is the status of a task, whose batch has one', async () => {
    const { producer, batchId } = await enqueued(1);
    const notFound = {
      code: 'NOT_FOUND',
      message: `expected the id of a batch; got "${batchId}-0", the id of a task`,
      remedy: `Pass the id of its batch: ${batchId}.`,
    };
    await expect(producer.status(taskIdOf(batchId, 0))).rejects.toMatchObject(notFound);
    await expect(producer.outcomes(taskIdOf(batchId, 0)).next()).rejects.toMatchObject(notFound);
    await expect(producer.cancel(taskIdOf(batchId, 1), 'why')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
