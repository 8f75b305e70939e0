import { expect, test } from 'vitest';
import { z } from 'zod';
import { AdmissionVerdict, BatchRecord, BatchSummary, CancelFlag } from '../../src/contract/batch.ts';
import { BackgroundResponse, Checkpoint } from '../../src/contract/checkpoint.ts';
import { amendCleanup, CleanupRecord, CleanupStep, LedgerRow } from '../../src/contract/cleanup.ts';
import { EffectCall } from '../../src/contract/effect-call.ts';
import { ErrandEvent } from '../../src/contract/events.ts';
import { Attempt, Outcome } from '../../src/contract/outcome.ts';
import { isJsonValue } from '../../src/contract/plain-json.ts';
import { stored } from '../../src/contract/stored.ts';
import { TaskJob } from '../../src/contract/task.ts';
import { WorkerIdentity } from '../../src/contract/worker-identity.ts';
import { attemptOf, outcomeOf, releasedOf } from '../records/samples.ts';

const schemas = {
  AdmissionVerdict,
  Attempt,
  BackgroundResponse,
  BatchRecord,
  BatchSummary,
  CancelFlag,
  Checkpoint,
  CleanupRecord,
  CleanupStep,
  EffectCall,
  ErrandEvent,
  LedgerRow,
  Outcome,
  TaskJob,
  WorkerIdentity,
};

/** Every object inside a JSON Schema that names its fields. */
function objectsOf(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(objectsOf);
  if (typeof value !== 'object' || value === null) return [];
  const own = 'properties' in value ? [{ ...value }] : [];
  return [...own, ...Object.values(value).flatMap(objectsOf)];
}

test.each(Object.entries(schemas))('%s accepts fields it does not name, at every depth', (_name, schema) => {
  const objects = objectsOf(z.toJSONSchema(schema, { unrepresentable: 'any' }));
  expect(objects.length).toBeGreaterThan(0);
  for (const { additionalProperties } of objects) expect(additionalProperties).toEqual({});
});

test('a record keeps the fields it does not name when it is read and written', () => {
  const attempt = { ...attemptOf(1, 'failed'), region: 'eu', trace: { id: 'x' } };
  const outcome = { ...outcomeOf('b1m81btxsqt5wq0f80n0ez-0', 'Done'), attempts: [attempt], seen_by: ['a'] };
  expect(JSON.parse(JSON.stringify(Outcome.parse(outcome)))).toEqual(outcome);
  const cleanup = CleanupRecord.parse({ version: 1, steps: [], open: 0, note: 'kept' });
  expect(amendCleanup(cleanup, [releasedOf(1, '1.workspace.1')])).toMatchObject({ note: 'kept', open: 0 });
});

test('an outcome with a failure code of a newer version is read', () => {
  const failure = { version: 1, code: 'TOOL_DENIED', origin: 'child', message: 'm', remedy: 'r', causes: [] };
  const { answer: _, ...common } = outcomeOf('b1m81btxsqt5wq0f80n0ez-0', 'Done') as Outcome & { answer: unknown };
  const outcome = { ...common, status: 'failed', failure };
  expect(Outcome.parse(outcome)).toEqual(outcome);
  expect(Outcome.safeParse({ ...outcome, failure: { ...failure, code: 'no code' } }).success).toBe(false);
});

test('a prototype in a stored record is dropped', () => {
  const Sample = stored({ name: z.string(), code: z.string().optional() });
  const read = Sample.parse(JSON.parse('{"name":"a","__proto__":{"code":"X"},"constructor":{"prototype":{"y":1}}}'));
  expect(read.code).toBeUndefined();
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  expect(Object.hasOwn(Object.prototype, 'y')).toBe(false);
});

test('the native part of a turn is JSON of any depth, and nothing else', () => {
  const nested: unknown = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000));
  for (const native of [null, 'x', 1, true, [{ a: [null] }], nested]) expect(isJsonValue(native)).toBe(true);
  for (const native of [undefined, Number.NaN, 1n, { a: undefined }, [new Date(0)], new Map(), () => 1])
    expect(isJsonValue(native)).toBe(false);
});
