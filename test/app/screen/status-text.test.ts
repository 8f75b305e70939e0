import { expect, test } from 'vitest';
import { statusText } from '../../../src/app/screen/status-text.ts';
import { newBatchId } from '../../../src/base/ids.ts';
import { type BatchStatus, BatchSummary } from '../../../src/contract/batch.ts';
import { summaryOf } from '../../records/samples.ts';

const batchId = newBatchId();

function statusOf(over: Partial<BatchSummary>): BatchStatus {
  const summary = { ...summaryOf(batchId, 'sample'), ...over };
  const { name, total, counts } = summary;
  return { batch_id: batchId, name, total, counts, ended: total, running: 0, status: 'settled', summary };
}

test.each<[string, Partial<BatchSummary>, string]>([
  ['a known cost', { cost_usd: 1.5 }, 'cost      $1.50'],
  [
    'a cost of which a part is unknown',
    { cost_usd: null, unpriced_tasks: 2, calls_of_unknown_cost: 4, known_cost_usd: 0.0123 },
    'cost      $0.0123 and 4 calls of unknown cost in 2 tasks',
  ],
  [
    'a cost of which nothing is known',
    { cost_usd: null, unpriced_tasks: 1, calls_of_unknown_cost: 1, known_cost_usd: 0 },
    'cost      1 call of unknown cost in 1 task',
  ],
  [
    'the cost of tasks without a price',
    {
      cost_usd: null,
      unpriced_tasks: 16,
      calls_of_unknown_cost: 20,
      known_cost_usd: 0.0123,
      unpriced_models: [{ provider: 'local', model: 'llama-local', tasks: 16, calls: 20 }],
    },
    'cost      $0.0123 and 16 tasks without a price for llama-local',
  ],
  [
    'the cost of several models without a price, and of calls that were cut off',
    {
      cost_usd: null,
      unpriced_tasks: 4,
      calls_of_unknown_cost: 6,
      known_cost_usd: 0,
      unpriced_models: [
        { provider: 'local', model: 'a', tasks: 2, calls: 2 },
        { provider: 'local', model: 'b', tasks: 1, calls: 3 },
      ],
    },
    'cost      2 tasks without a price for a, 1 task without a price for b and 1 call of unknown cost in 1 task',
  ],
  [
    'the provider of a model that several providers have',
    {
      cost_usd: null,
      unpriced_tasks: 4,
      calls_of_unknown_cost: 4,
      unpriced_models: [
        { provider: 'local', model: 'a', tasks: 1, calls: 1 },
        { provider: 'vllm', model: 'a', tasks: 2, calls: 2 },
        { provider: 'vllm', model: 'b', tasks: 1, calls: 1 },
      ],
    },
    'cost      1 task without a price for local/a, 2 tasks without a price for vllm/a and 1 task without a price for b',
  ],
  [
    'the summary of a worker that counts no calls',
    { cost_usd: null, unpriced_tasks: 3 },
    'cost      unknown (3 tasks of unknown cost)',
  ],
])('says %s', (_, summary, line) => {
  expect(statusText(statusOf(summary))).toContain(`\n  ${line}\n`);
});

test('counts the calls of unknown cost while the batch runs', () => {
  const counts = { succeeded: 1, failed: 0, rejected: 0, cancelled: 0 };
  const running = {
    batch_id: batchId,
    name: 'sample',
    total: 3,
    counts,
    ended: 1,
    running: 2,
    status: 'running',
  } as const;
  expect(statusText(running)).not.toContain('cost');
  expect(statusText({ ...running, calls_of_unknown_cost: 2 })).toContain('cost      2 calls of unknown cost so far');
});

test('names the command that lists the failures which the summary leaves out', () => {
  const failure = {
    version: 1,
    code: 'INTERNAL',
    origin: 'internal',
    message: 'it broke',
    remedy: 'Mend it.',
    causes: [],
  };
  const failures = Array.from({ length: 10 }, (_, index) => ({ index, task_id: `t-${index}`, failure }));
  const summary = BatchSummary.parse({
    ...summaryOf(batchId, 'sample'),
    total: 14,
    counts: { succeeded: 0, failed: 11, rejected: 2, cancelled: 1 },
    failures,
  });
  expect(statusText(statusOf(summary))).toMatch(
    new RegExp(`#9 .*\\n  and 4 more: errand outcomes ${batchId} --failed$`),
  );
  expect(statusText(statusOf({ ...summary, counts: { ...summary.counts, failed: 7 } }))).not.toContain(' more: ');
});
