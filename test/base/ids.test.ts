import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchIdOf, isBatchId, newBatchId, parseTaskId, taskIdOf } from '../../src/base/ids.ts';

describe('batch ids', () => {
  test('sort by the time they were made', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 41), fc.integer({ min: 1, max: 2 ** 41 }), (nowMs, laterMs) => {
        expect(newBatchId(nowMs) < newBatchId(nowMs + laterMs)).toBe(true);
      }),
    );
  });

  test('differ within one millisecond', () => {
    const made = Array.from({ length: 10_000 }, () => newBatchId(1));
    expect(new Set(made).size).toBe(made.length);
  });

  test('derived from an idempotency key are the same for the same key only', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(batchIdOf(one) === batchIdOf(other)).toBe(one === other);
        expect(isBatchId(batchIdOf(one))).toBe(true);
      }),
    );
  });

  test('never look like an id that a key was given', () => {
    expect(newBatchId()[0]).not.toBe(batchIdOf('key')[0]);
  });

  test.each(['', 'b', 'batch', newBatchId().toUpperCase(), `${newBatchId()} `, taskIdOf(newBatchId(), 0)])(
    'are told from other text: %j',
    (text) => {
      expect(isBatchId(text)).toBe(false);
    },
  );
});

describe('task ids', () => {
  test('are read back as they were made, and are fit for a job [B96]', () => {
    fc.assert(
      fc.property(fc.nat(999_999), fc.boolean(), (index, isKeyed) => {
        const batchId = isKeyed ? batchIdOf('key') : newBatchId();
        const taskId = taskIdOf(batchId, index);
        expect(parseTaskId(taskId)).toEqual({ batchId, index });
        expect(taskId).not.toContain(':');
      }),
    );
  });

  test.each([
    '',
    newBatchId(),
    `${newBatchId()}-`,
    `${newBatchId()}-x`,
    `${newBatchId()}-1-1`,
    'b-1',
    `${newBatchId()}-gate`,
  ])('are told from other text: %j', (text) => {
    expect(parseTaskId(text)).toBeNull();
  });
});
