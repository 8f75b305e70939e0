import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newBatchId, taskIdOf } from '../../../src/base/ids.ts';
import { Redactor } from '../../../src/base/secret.ts';
import type { BatchRecord } from '../../../src/contract/batch.ts';
import { BatchRecords } from '../../../src/records/batch-records.ts';
import { TaskRecords } from '../../../src/records/task-records.ts';
import { workspacePathOf } from '../../../src/tools/workspace/kind.ts';
import { Scope } from '../../../src/worker/holding/scope.ts';
import { freshPrefix, openRedis, storedIn } from '../../helpers/redis.ts';
import { releasersFor } from '../../helpers/releasers.ts';
import { aWitness } from '../../helpers/witness.ts';

async function anAttempt() {
  const prefix = freshPrefix();
  const redis = openRedis();
  const redactor = new Redactor();
  const records = new TaskRecords(redis, prefix, redactor);
  const batchId = newBatchId();
  const taskId = taskIdOf(batchId, 0);
  const enqueued_at = new Date().toISOString();
  const record: BatchRecord = {
    version: 1,
    batch_id: batchId,
    name: 'b',
    total: 1,
    admission: 'task',
    routes: [],
    enqueued_at,
  } as const;
  const batches = new BatchRecords(redis, prefix, redactor, 60);
  await batches.create(record, '', 'f');
  const opening = await records.open(taskId, 'local', 'w1');
  const epoch = opening.status === 'opened' ? opening.epoch : 0;
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'errand-scope-'));
  onTestFinished(() => rm(workspaceRoot, { recursive: true, force: true }));
  const deployment = { prefix, workspaceRoot };
  const releasers = releasersFor(redactor, [], {}, deployment);
  const scope = new Scope({ records, releasers, observer: aWitness() }, { taskId, epoch, owner: 'w1' });
  const folder = workspacePathOf(deployment, taskId, epoch);
  const stored = storedIn(prefix, redis);
  const rows = () => stored.rows(taskId);
  return { records, batches, scope, stored, rows, folder, taskId };
}

test('a resource is on the ledger before it exists, until its release [B114]', async () => {
  const { scope, rows, records, folder, taskId } = await anAttempt();
  let during: unknown;
  await scope.hold({
    workspace: {
      kind: 'workspace' as const,
      ref: folder,
      acquire: async () => {
        during = await rows();
        await mkdir(folder);
      },
    },
  });
  expect(during).toMatchObject([{ kind: 'workspace', status: 'intent' }]);
  expect(await rows()).toMatchObject([{ status: 'acquired' }]);
  const cleanup = await scope.unwind();
  expect(cleanup).toMatchObject({
    open: 0,
    steps: [{ kind: 'workspace', status: 'released', evidence: 'verified', actor: 'owner' }],
  });
  expect(await rows()).toMatchObject([{ status: 'acquired' }]);
  await records.release(taskId, { owner: 'w1', steps: cleanup.steps });
  expect(await rows()).toMatchObject([{ status: 'released', evidence: 'verified' }]);
  await expect(stat(folder)).rejects.toThrow('ENOENT');
});

test('unwinding goes in reverse; a failed release does not stop the others [B110]', async () => {
  const { scope, stored, rows, records, folder, taskId } = await anAttempt();
  await scope.hold({
    workspace: { kind: 'workspace' as const, ref: folder, acquire: () => mkdir(folder) },
    lease: { kind: 'credential_lease' as const, ref: 'env:X', acquire: () => undefined },
    client: {
      kind: 'client' as const,
      ref: 'host',
      acquire: () => undefined,
      live: () => ({ close: async () => Promise.reject(new Error('the socket will not close')) }),
    },
  });
  const cleanup = await scope.unwind();
  expect(cleanup.steps.map(({ kind, status, evidence }) => [kind, status, evidence])).toEqual([
    ['client', 'open', 'unknown'],
    ['credential_lease', 'released', 'verified'],
    ['workspace', 'released', 'verified'],
  ]);
  expect(cleanup).toMatchObject({ open: 1, steps: [{ detail: 'the socket will not close' }, {}, {}] });
  await records.release(taskId, { owner: 'w1', steps: cleanup.steps });
  expect((await rows()).filter(({ status }) => status === 'acquired')).toHaveLength(1);
  expect(await stored.indexedRows('w1')).toEqual([`${taskId}/1.client.host`]);
});

test('what was acquired before an acquisition failed is released [B57]', async () => {
  const { scope, folder } = await anAttempt();
  const holding = scope.hold({
    workspace: { kind: 'workspace' as const, ref: folder, acquire: () => mkdir(folder) },
    client: { kind: 'client' as const, ref: 'host', acquire: () => Promise.reject(new Error('no such host')) },
  });
  await expect(holding).rejects.toThrow('no such host');
  expect((await scope.unwind()).steps.map(({ kind, status }) => [kind, status])).toEqual([
    ['client', 'released'],
    ['workspace', 'released'],
  ]);
});

test('a cancelled attempt acquires nothing; its rows are closed [B105]', async () => {
  const { scope, batches, taskId } = await anAttempt();
  await batches.cancel(taskId, 'enough');
  let isAcquired = false;
  const acquire = () => {
    isAcquired = true;
  };
  const holding = scope.hold({ lease: { kind: 'credential_lease' as const, ref: 'env:X', acquire } });
  await expect(holding).rejects.toMatchObject({ code: 'ATTEMPT_CANCELLED', message: 'cancelled: enough' });
  expect(isAcquired).toBe(false);
  expect(await scope.unwind()).toMatchObject({ open: 0, steps: [{ detail: 'it was never acquired' }] });
});

test('what was acquired while its task was cancelled is not used, and is given back', async () => {
  const { scope, batches, folder, taskId } = await anAttempt();
  const acquire = async () => {
    await mkdir(folder);
    await batches.cancel(taskId, 'enough');
  };
  const holding = scope.hold({ workspace: { kind: 'workspace' as const, ref: folder, acquire } });
  await expect(holding).rejects.toMatchObject({ code: 'ATTEMPT_CANCELLED' });
  expect(await scope.unwind()).toMatchObject({ open: 0, steps: [{ kind: 'workspace', status: 'released' }] });
});

test('a superseded attempt acquires nothing', async () => {
  const { scope, records, taskId } = await anAttempt();
  await records.open(taskId, 'local', 'w2');
  let isAcquired = false;
  const holding = scope.hold({
    lease: {
      kind: 'credential_lease' as const,
      ref: 'env:X',
      acquire: () => {
        isAcquired = true;
      },
    },
  });
  await expect(holding).rejects.toMatchObject({ code: 'ATTEMPT_SUPERSEDED' });
  expect(isAcquired).toBe(false);
  expect(await scope.unwind()).toMatchObject({ open: 0, steps: [{ detail: 'it was never acquired' }] });
});

test('rows whose write was answered too late, after a newer attempt began, are closed', async () => {
  const { scope, records, folder, taskId, rows } = await anAttempt();
  const hold = records.hold.bind(records);
  // As after a lost connection: the write took effect, its reply was lost, and it was sent again.
  records.hold = async (...written) => {
    await hold(...written);
    await records.open(taskId, 'local', 'w2');
    return hold(...written);
  };
  const holding = scope.hold({ workspace: { kind: 'workspace' as const, ref: folder, acquire: () => mkdir(folder) } });
  await expect(holding).rejects.toMatchObject({ code: 'ATTEMPT_SUPERSEDED' });
  expect(await rows()).toMatchObject([{ status: 'intent' }]);
  const { steps } = await scope.unwind();
  await records.release(taskId, { owner: 'w1', steps });
  expect(await rows()).toMatchObject([{ status: 'released', evidence: 'verified' }]);
});

test('a resource that was acquired as its attempt ended stays open until it is there', async () => {
  const { scope, folder } = await anAttempt();
  const acquiring = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const acquire = async () => {
    begun.resolve();
    await acquiring.promise;
    await mkdir(folder);
  };
  const holding = scope.hold({ workspace: { kind: 'workspace' as const, ref: folder, acquire } });
  await begun.promise;
  const detail = 'the attempt ended while it was being acquired';
  expect(await scope.unwind()).toMatchObject({ open: 1, steps: [{ status: 'open', evidence: 'unknown', detail }] });
  acquiring.resolve();
  await holding;
  await expect(stat(folder)).rejects.toThrow('ENOENT');
  await expect(scope.hold({})).rejects.toThrow('after its attempt had ended');
});

test('a resource that no worker would release for a dead one is not acquired', async () => {
  const { scope, rows } = await anAttempt();
  const ask = (kind: string) => scope.hold({ it: { kind, ref: '/elsewhere', acquire: () => undefined } });
  await expect(ask('workspace')).rejects.toThrow('a resource of the kind "workspace" was not acquired: its path is');
  await expect(ask('chair')).rejects.toThrow('no toolset of this worker has the resource kind "chair"');
  expect(await rows()).toEqual([]);
});

test.each([
  ['a number', 5, 'number'],
  ['a text of 1 MB', 'x'.repeat(1_000_000), '1000000 characters'],
])('a reference that no row can have is refused before it is acquired: %s', async (_, ref, got) => {
  const { scope, rows } = await anAttempt();
  const held = scope.hold({ workspace: { kind: 'workspace', ref: ref as string, acquire: () => undefined } });
  await expect(held).rejects.toThrow(`was not acquired: expected a reference of at most 8192 characters, got ${got}`);
  expect(await rows()).toEqual([]);
});
