import { expect, test } from 'vitest';
import { statusText } from '../../../src/app/screen/status-text.ts';
import { newBatchId } from '../../../src/base/ids.ts';
import type { BatchStatus, BatchSummary } from '../../../src/contract/batch.ts';
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
