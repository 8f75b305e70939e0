import { afterEach, expect, test, vi } from 'vitest';
import { newBatchId } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { Failure } from '../../src/contract/failure.ts';
import type { ResolvedRoute } from '../../src/contract/route.ts';
import { ErrandError } from '../../src/errors.ts';
import type { BatchRecords } from '../../src/records/batch-records.ts';
import { Admission, type RouteCheck, refusalOf } from '../../src/worker/admission.ts';
import { aWitness } from '../helpers/witness.ts';
import { openRecords, recordOf } from '../records/samples.ts';

const usable: RouteCheck = async () => undefined;

function admissionOf(batches: BatchRecords, check: RouteCheck = usable): Admission {
  return new Admission({ observer: aWitness(), batches, check, redactor: new Redactor(), elsewhere: [] });
}

afterEach(() => {
  vi.useRealTimers();
});

test('a batch is looked up once for all its tasks, and again after an hour [B54]', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { batches, batchId, given } = await openRecords();
  const check = vi.fn(usable);
  const admission = admissionOf(batches, check);
  await Promise.all([admission.of(batchId), admission.of(batchId)]);
  vi.advanceTimersByTime(3_599_000);
  expect(check).toHaveBeenCalledTimes(1);
  await given.noBatch(batchId);
  expect(await admission.of(batchId)).toMatchObject({ record: { batch_id: batchId } });
  vi.advanceTimersByTime(2_000);
  await expect(admission.of(batchId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a look-up that failed is not remembered', async () => {
  const { batches } = await openRecords();
  const admission = admissionOf(batches);
  const record = recordOf(newBatchId(), 1);
  await expect(admission.of(record.batch_id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await batches.create(record, 'context', 'f');
  expect(await admission.of(record.batch_id)).toMatchObject({ context: 'context', verdict: { unusable: [] } });
});

const MISSING: Failure = {
  version: 1,
  code: 'CREDENTIAL_MISSING',
  origin: 'credential',
  message: 'the file is empty',
  remedy: 'Fill it.',
  causes: [],
};

test('a missing credential rejects a batch for 5 s in one worker and is not stored', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { batches, batchId } = await openRecords();
  const check = vi.fn<RouteCheck>().mockRejectedValue(new ErrandError('CREDENTIAL_MISSING', 'the file is empty'));
  const admission = admissionOf(batches, check);
  expect((await admission.of(batchId)).verdict.unusable).toHaveLength(1);
  vi.advanceTimersByTime(4_900);
  expect((await admission.of(batchId)).verdict.unusable).toHaveLength(1);
  expect(check).toHaveBeenCalledTimes(1);
  const elsewhere = admissionOf(batches);
  vi.advanceTimersByTime(200);
  check.mockImplementation(usable);
  expect((await admission.of(batchId)).verdict).toEqual({ version: 1, unusable: [] });
  expect((await elsewhere.of(batchId)).verdict).toEqual({ version: 1, unusable: [] });
  expect((await batches.read(batchId))?.verdict).toEqual({ version: 1, unusable: [] });
});

test('a missing credential that an older worker stored is looked for again', async () => {
  const { batches, batchId, record } = await openRecords();
  await batches.admit(batchId, {
    version: 1,
    unusable: record.routes.map((route) => ({ ...route, failure: MISSING })),
  });
  const admission = admissionOf(batches);
  expect((await admission.of(batchId)).verdict.unusable).toEqual([]);
});

test('any other verdict is final for every worker', async () => {
  const { batches, batchId } = await openRecords();
  await admissionOf(batches, async () => {
    throw new ErrandError('ROUTE_UNSUPPORTED', 'unknown provider');
  }).of(batchId);
  const later = await admissionOf(batches).of(batchId);
  expect(later.verdict.unusable).toMatchObject([{ failure: { code: 'ROUTE_UNSUPPORTED' } }]);
});

test('a verdict with a code of a newer version rejects the task with a known code', async () => {
  const { batches, batchId, record } = await openRecords();
  const newer: Failure = { ...MISSING, code: 'TENANT_PAUSED', message: 'the tenant is paused' };
  await batches.admit(batchId, { version: 1, unusable: record.routes.map((route) => ({ ...route, failure: newer })) });
  const admitted = await admissionOf(batches).of(batchId);
  const refusal = refusalOf(admitted, {
    provider: 'openai',
    model: 'm',
    requested: {},
    chosen_by: {},
  } as ResolvedRoute);
  expect(refusal).toMatchObject({ code: 'ROUTE_UNSUPPORTED', message: 'TENANT_PAUSED: the tenant is paused' });
});
