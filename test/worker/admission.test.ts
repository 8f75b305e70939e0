import { afterEach, expect, test, vi } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { Admission } from '../../src/worker/admission.ts';
import { openRecords, recordOf } from '../records/samples.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('a batch is looked up once for all its tasks, and again after an hour, when its key may name another', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { batches, batchId } = await openRecords();
  const read = vi.spyOn(batches, 'read');
  const check = vi.fn(async () => null);
  const admission = new Admission(batches, check);
  await Promise.all([admission.of(batchId), admission.of(batchId)]);
  vi.advanceTimersByTime(3_599_000);
  await admission.of(batchId);
  expect(read).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(2_000);
  await admission.of(batchId);
  expect(read).toHaveBeenCalledTimes(2);
  expect(check).toHaveBeenCalledTimes(1);
});

test('a look-up that failed is not remembered', async () => {
  const { batches } = await openRecords();
  const admission = new Admission(batches, async () => null);
  const record = recordOf(newBatchId(), 1);
  await expect(admission.of(record.batch_id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await batches.create(record, 'context', 'f');
  expect(await admission.of(record.batch_id)).toMatchObject({ context: 'context', verdict: { unusable: [] } });
});
