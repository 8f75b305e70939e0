import { expect, onTestFinished, test } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { createProducer } from '../../src/entries/producer.ts';

const unreadable = Object.defineProperty(new Error(), 'message', {
  get: () => {
    throw new Error('not readable');
  },
});

function throwing(thrown: unknown) {
  return () => {
    throw thrown;
  };
}

test.each<[string, () => unknown, string]>([
  ['throws', throwing(new Error('a bug')), ': a bug'],
  ['rejects', () => Promise.reject(new Error('a bug')), ': a bug'],
  ['throws null', throwing(null), ': null'],
  ['throws an object without a prototype', throwing(Object.create(null)), 'without a readable message'],
  ['throws an error whose message cannot be read', throwing(unreadable), 'without a readable message'],
  ['rejects with a symbol', () => Promise.reject(Symbol('bug')), 'Symbol(bug)'],
])('onError that %s becomes a warning and ends no process', async (_, onError, message) => {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);
  const warned = Promise.withResolvers<Error>();
  const hear = (warning: Error) => warned.resolve(warning);
  process.on('uncaughtException', note).on('unhandledRejection', note).on('warning', hear);
  onTestFinished(() => {
    process.off('uncaughtException', note).off('unhandledRejection', note).off('warning', hear);
  });
  const producer = createProducer({ redis: 'redis://127.0.0.1:1', config: '/dev/null', onError });
  const asking = producer.status(newBatchId()).catch((error: unknown) => error);
  const warning = await warned.promise;
  await producer.close();
  await asking;
  expect(warning).toMatchObject({ code: 'USAGE_INVALID', message: expect.stringContaining(message) });
  expect(warning.message).toMatch(/^onError threw an error for "/);
  expect(uncaught).toEqual([]);
});
