import { expect, test } from 'vitest';
import { readTaskJob } from '../../src/contract/task.ts';

const route = { provider: 'openai', model: 'm', requested: {}, chosen_by: { provider: 'task', model: 'task' } };
const jobOf = (metadata: unknown) => ({ version: 1, batch_id: 'b', index: 0, task: { goal: 'a', metadata }, route });

test('a job that a producer writes is read', () => {
  expect(readTaskJob(jobOf({ a: [1] }))).toMatchObject({ status: 'read', job: { task: { metadata: { a: [1] } } } });
});

test.each([
  ['deeper', JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)],
  ['larger', { list: Array(3_000_000).fill(0) }],
])('a forged job that is %s is unreadable, before any schema sees it', (_what, metadata) => {
  expect(readTaskJob(jobOf(metadata))).toEqual({
    status: 'unreadable',
    problem: 'it is larger or nested deeper than any producer writes',
  });
});
