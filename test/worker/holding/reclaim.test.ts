import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { isoNow } from '../../../src/base/clock.ts';
import type { WorkerIdentity } from '../../../src/contract/worker-identity.ts';
import type { IndexedRow } from '../../../src/records/row.ts';
import { type WorkerOnRecord, WorkerRecords } from '../../../src/records/worker-records.ts';
import { workspacePathOf } from '../../../src/tools/workspace/kind.ts';
import { identifyWorker } from '../../../src/worker/holding/identity.ts';
import { Reclaim } from '../../../src/worker/holding/reclaim.ts';
import { openCountingRedis } from '../../helpers/redis.ts';
import { aHandBack, releasersFor } from '../../helpers/releasers.ts';
import { aWitness } from '../../helpers/witness.ts';
import { openRecords, outcomeOf } from '../../records/samples.ts';

type Call = 'register' | 'list' | 'claim';
/** Runs before a call reaches Redis. What it throws, the call throws. */
type Before = (call: Call) => unknown;

/** The worker records of a reclaimer, with a test in front of them. Workers are listed in the order of their names. */
class WatchedWorkers extends WorkerRecords {
  readonly #before: Before;

  constructor(redis: Redis, prefix: string, before: Before) {
    super(redis, prefix);
    this.#before = before;
  }

  override async register(...args: Parameters<WorkerRecords['register']>): Promise<void> {
    await this.#before('register');
    return super.register(...args);
  }

  override async list(): Promise<WorkerOnRecord[]> {
    await this.#before('list');
    return (await super.list()).toSorted((a, b) => (a.instance < b.instance ? -1 : 1));
  }

  override async claim(...args: Parameters<WorkerRecords['claim']>): Promise<boolean> {
    await this.#before('claim');
    return super.claim(...args);
  }
}

/** A reclaimer over fresh records, and a worker on record that holds a directory and a lease of the first task. */
async function aHolder(over: (self: WorkerIdentity) => Partial<WorkerIdentity>, before: Before = () => undefined) {
  const redis = openCountingRedis();
  const records = await openRecords({ redis });
  const { tasks, workers, taskIds, redactor } = records;
  const self = await identifyWorker('sweeper');
  const holder = { ...self, instance: 'holder.1', name: 'holder', ...over(self) };
  await workers.register(holder);
  const [taskId = ''] = taskIds;
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'errand-held-'));
  onTestFinished(() => rm(workspaceRoot, { recursive: true, force: true }));
  const deployment = { prefix: records.prefix, workspaceRoot };
  const folder = workspacePathOf(deployment, taskId, 1);
  await mkdir(folder);
  await tasks.open(taskId, 'local', 'holder');
  const held = {
    status: 'acquired',
    epoch: 1,
    owner: holder.instance,
    intent_at: isoNow(),
    acquired_at: isoNow(),
  } as const;
  await tasks.hold(taskId, 1, [
    { id: `1.workspace.${folder}`, entry: { ...held, kind: 'workspace', ref: folder } },
    { id: '1.credential_lease.env:X', entry: { ...held, kind: 'credential_lease', ref: 'env:X' } },
  ]);
  const releasers = releasersFor(redactor, [], {}, deployment);
  const observer = aWitness();
  const watched = new WatchedWorkers(redis, records.prefix, before);
  const reclaim = new Reclaim({ ...aHandBack(records), workers: watched, records: tasks, self, releasers, observer });
  const isThere = () =>
    stat(folder).then(
      () => true,
      () => false,
    );
  return { ...records, redis, taskId, folder, self, holder, releasers, observer, reclaim, isThere };
}

test('the sweep releases what a dead worker held, with the proof, and forgets it', async () => {
  const { reclaim, workers, tasks, taskId, isThere } = await aHolder(() => ({ birth: '1' }));
  await reclaim.sweep('boot_sweep');
  expect(await isThere()).toBe(false);
  expect(await workers.list()).toEqual([]);
  const { past } = await tasks.history(taskId);
  const steps = past[0]?.cleanup?.steps ?? [];
  expect(steps.map(({ kind, evidence, actor }) => [kind, evidence, actor]).toSorted()).toEqual([
    ['credential_lease', 'verified', 'boot_sweep'],
    ['workspace', 'verified', 'boot_sweep'],
  ]);
  for (const { detail } of steps) expect(detail).toContain('has ended');
});

test('what a living worker holds is left alone, however often it is swept', async () => {
  const { reclaim, workers, isThere } = await aHolder(() => ({}));
  await reclaim.sweep('reclaim');
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(true);
  expect(await workers.list()).toMatchObject([{ openRows: 2 }]);
});

test.each<[string, (self: WorkerIdentity) => Partial<WorkerIdentity>]>([
  ['on another host', () => ({ host: 'elsewhere', birth: '1' })],
  ['in another pid namespace', () => ({ pid_namespace: 'pid:[1]', birth: '1' })],
])('a worker %s is not provably dead: its rows stay open and visible', async (_, over) => {
  const { reclaim, workers, isThere } = await aHolder(over);
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(true);
  expect(await workers.list()).toMatchObject([{ openRows: 2 }]);
});

test('a worker silent beyond its fence loses only what ends with its process', async () => {
  const { reclaim, workers, isThere, given, holder } = await aHolder(() => ({ host: 'elsewhere' }));
  await given.silence(holder.instance, 200_000);
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(true);
  const left = await workers.openRowsOf(holder.instance, 10);
  expect(left.map(kindOf)).toEqual(['workspace']);
});

test('what a cut-off worker with a long lock holds is kept while its calls may run', async () => {
  const { reclaim, workers, given, holder } = await aHolder(() => ({
    host: 'elsewhere',
    lock_duration_ms: 300_000,
  }));
  await given.silence(holder.instance, 200_000);
  await reclaim.sweep('reclaim');
  expect(await workers.list()).toMatchObject([{ openRows: 2 }]);
  await given.silence(holder.instance, 370_000);
  await reclaim.sweep('reclaim');
  expect(await workers.list()).toMatchObject([{ openRows: 1 }]);
});

test('a worker that still holds something stays registered', async () => {
  const { workers, holder } = await aHolder(() => ({}));
  await workers.forget(holder.instance, 0);
  expect(await workers.list()).toMatchObject([{ identity: { instance: holder.instance }, openRows: 2 }]);
});

test('a worker that gave a sign of life since it was looked at is not forgotten', async () => {
  const { workers } = await openRecords();
  const identity = await identifyWorker('w');
  await workers.register(identity);
  await workers.forget(identity.instance, 10_000);
  expect(await workers.list()).toMatchObject([{ identity }]);
});

test('a worker that stops unregisters itself, even if the clock of Redis was set back', async () => {
  const { reclaim, workers, given, self, holder } = await aHolder(() => ({}));
  await workers.register(self);
  await given.silence(self.instance, -60_000);
  await reclaim.stop();
  expect((await workers.list()).map(({ instance }) => instance)).toEqual([holder.instance]);
});

test('a worker registers together with its first beat, so no sweep finds it silent', async () => {
  const redis = openCountingRedis();
  const { workers } = await openRecords({ redis });
  const identity = await identifyWorker('w');
  await workers.register(identity);
  redis.sent.length = 0;
  await workers.register(identity);
  expect(redis.sent).toHaveLength(1);
});

test('a worker that returns after a day while it is swept stays registered', async () => {
  const comeBack: Before = (call) => call === 'claim' && workers.register(cutOff);
  const { reclaim, workers, given, self } = await aHolder(() => ({}), comeBack);
  const cutOff = { ...self, instance: 'cut-off.1', host: 'elsewhere' };
  await workers.register(cutOff);
  await given.silence(cutOff.instance, 25 * 3_600_000);
  await reclaim.sweep('reclaim');
  const onRecord = (await workers.list()).map(({ instance }) => instance);
  expect(onRecord).toContain(cutOff.instance);
});

test('a worker of a newer version is a living stranger: listed, never reclaimed', async () => {
  const { reclaim, workers, tasks, taskId, given, holder, isThere } = await aHolder(() => ({ birth: '1' }));
  const newer = { ...holder, version: 2 };
  for (const instance of [holder.instance, 'idle.1']) await given.identity(instance, newer);
  await given.silence(holder.instance, 25 * 3_600_000);
  await reclaim.sweep('reclaim');
  const steps = await reclaim.ofTask((await tasks.history(taskId)).openRows);
  expect(steps).toMatchObject(Array(2).fill({ status: 'open' }));
  expect(await isThere()).toBe(true);
  const onRecord = (await workers.list()).map(({ instance, identity, openRows }) => [instance, identity, openRows]);
  expect(onRecord.toSorted()).toEqual([
    [holder.instance, null, 2],
    ['idle.1', null, 0],
  ]);
});

test('a row of a newer version stays open and is listed; its neighbours are released', async () => {
  const { reclaim, workers, given, taskId, holder, isThere } = await aHolder(() => ({ birth: '1' }));
  const row = { kind: 'session', owner: holder.instance };
  await given.openRow({ owner: holder.instance, taskId, id: '1.session.x', row, intentMs: 1_000 });
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(false);
  expect(await workers.list()).toMatchObject([{ instance: holder.instance, openRows: 1 }]);
  const left = await workers.openRowsOf(holder.instance, 10);
  expect(left).toEqual([{ taskId, id: '1.session.x', intentMs: 1_000, status: 'unreadable' }]);
});

test('a fault with one dead worker is told, and the others are swept', async () => {
  const { reclaim, workers, tasks, given, taskIds, holder, observer, isThere } = await aHolder(() => ({
    birth: '1',
  }));
  const [, damaged = ''] = taskIds;
  await tasks.open(damaged, 'local', 'damaged');
  const row = { status: 'acquired', kind: 'client', ref: 'h', epoch: 1, owner: 'damaged.1' } as const;
  await tasks.hold(damaged, 1, [{ id: '1.client.h', entry: { ...row, intent_at: isoNow(), acquired_at: isoNow() } }]);
  await given.damaged('released', damaged);
  await workers.register({ ...holder, instance: 'damaged.1' });
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(false);
  expect(observer.steps('fault')).toMatchObject([
    { where: 'reclaim', error: { message: expect.stringMatching(/WRONGTYPE/) } },
  ]);
  const ends = observer.ends('reclaim').map(({ status }) => status);
  expect(ends.toSorted()).toEqual(['failed', 'released', 'released']);
  expect(await workers.list()).toMatchObject([{ instance: 'damaged.1' }]);
});

test('the sweep of a worker spares a running attempt and releases what it left open', async () => {
  const { reclaim, workers, taskId, isThere } = await aHolder(({ instance }) => ({ instance }));
  const leave = reclaim.markRunning(taskId, 1);
  reclaim.scheduleLook();
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(true);
  leave(true);
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(false);
  expect(await workers.list()).toMatchObject([{ openRows: 0 }]);
});

test('the next owner of a task releases what a dead worker held of it', async () => {
  const dead = await aHolder(() => ({ birth: '1' }));
  const ofTheDead = await dead.reclaim.ofTask((await dead.tasks.history(dead.taskId)).openRows);
  expect(ofTheDead).toMatchObject(Array(2).fill({ status: 'released', evidence: 'verified', actor: 'reclaim' }));
  expect(await dead.isThere()).toBe(false);

  const alive = await aHolder(() => ({ host: 'elsewhere' }));
  const ofTheLiving = await alive.reclaim.ofTask((await alive.tasks.history(alive.taskId)).openRows);
  const detail = 'its owner holder.1 is not provably dead';
  expect(ofTheLiving).toMatchObject(Array(2).fill({ status: 'open', evidence: 'unknown', detail }));
  expect(await alive.isThere()).toBe(true);
  expect(await alive.workers.list()).toMatchObject([{ openRows: 2 }]);
});

test('that an owner is not on record proves nothing: its rows stay open', async () => {
  const { reclaim, workers, tasks, taskId, given, holder, isThere } = await aHolder(() => ({ birth: '1' }));
  await given.noWorkers();
  const steps = await reclaim.ofTask((await tasks.history(taskId)).openRows);
  expect(steps).toMatchObject(Array(2).fill({ status: 'open', evidence: 'unknown' }));
  expect(await isThere()).toBe(true);
  expect(await workers.openRowsOf(holder.instance, 10)).toHaveLength(2);
});

test('a worker that holds something unregistered is a stranger until its next beat', async () => {
  const { reclaim, workers, tasks, taskId, given, holder, isThere } = await aHolder(() => ({ birth: '1' }));
  await given.noWorkers();
  await tasks.hold(taskId, 1, (await tasks.history(taskId)).openRows);
  const [stranger] = await workers.list();
  expect(stranger).toMatchObject({ instance: holder.instance, identity: null, openRows: 2 });
  expect(stranger?.silentMs).toBeLessThan(30_000);
  await reclaim.sweep('reclaim');
  expect(await isThere()).toBe(true);
  await workers.register(holder);
  await tasks.hold(taskId, 1, (await tasks.history(taskId)).openRows);
  expect(await workers.list()).toMatchObject([{ identity: holder, openRows: 2 }]);
});

test('a running attempt of a worker that Redis lost is left alone by the worker itself', async () => {
  const { reclaim, tasks, taskId, given, isThere } = await aHolder(({ instance }) => ({ instance }));
  const leave = reclaim.markRunning(taskId, 1);
  await given.noWorkers();
  const { openRows } = await tasks.history(taskId);
  expect(await reclaim.ofTask(openRows)).toMatchObject(Array(2).fill({ status: 'open' }));
  expect(await isThere()).toBe(true);
  leave(false);
  expect(await reclaim.ofTask(openRows)).toMatchObject(Array(2).fill({ status: 'released' }));
});

describe('a worker that starts', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('sweeps before anything else', async () => {
    const { reclaim, isThere } = await aHolder(() => ({ birth: '1' }));
    await reclaim.start();
    expect(await isThere()).toBe(false);
    await reclaim.stop();
  });

  test('sweeps again every ten seconds, for those that die later', async () => {
    const { reclaim, workers, given, holder } = await aHolder(() => ({ host: 'elsewhere' }));
    await reclaim.start();
    const held = async () => (await workers.openRowsOf(holder.instance, 10)).map(kindOf);
    expect(await held()).toHaveLength(2);
    await given.silence(holder.instance, 200_000);
    vi.advanceTimersByTime(10_000);
    await expect.poll(held).toEqual(['workspace']);
    await reclaim.stop();
  });

  test('starts without its first sweep if that fails, but not without being registered', async () => {
    const refusal = new Error('BUSY');
    const refused: Call[] = ['register', 'list'];
    const before: Before = (call) => {
      if (call !== refused[0]) return;
      refused.shift();
      throw refusal;
    };
    const { reclaim, observer, isThere } = await aHolder(() => ({ birth: '1' }), before);
    await expect(reclaim.start()).rejects.toBe(refusal);
    await reclaim.start();
    expect(observer.steps('fault')).toEqual([{ name: 'fault', where: 'reclaim', error: refusal }]);
    expect(await isThere()).toBe(true);
    vi.advanceTimersByTime(10_000);
    await expect.poll(isThere).toBe(false);
    await reclaim.stop();
  });

  test.each(['register', 'list'] as const)('asks once for what Redis does not answer: %s', async (name) => {
    const { promise: isBack, resolve: comeBack } = Promise.withResolvers<void>();
    let asked = 0;
    let isAway = false;
    const before: Before = (call) => {
      if (call !== name) return;
      asked++;
      return isAway && isBack;
    };
    const { reclaim } = await aHolder(() => ({}), before);
    await reclaim.start();
    asked = 0;
    isAway = true;
    vi.advanceTimersByTime(60_000);
    expect(asked).toBe(1);
    isAway = false;
    comeBack();
    await expect.poll(() => vi.advanceTimersByTime(10_000) && asked).toBeGreaterThan(1);
    await reclaim.stop();
  });

  test('puts itself back on record where it was lost from it', async () => {
    const { reclaim, workers, given, self } = await aHolder(() => ({}));
    await reclaim.start();
    await given.noWorkers();
    vi.advanceTimersByTime(5_000);
    await expect.poll(async () => (await workers.list()).map(({ identity }) => identity)).toEqual([self]);
    await reclaim.stop();
  });

  test('says every five seconds that it lives', async () => {
    const { reclaim, workers, given, self } = await aHolder(() => ({}));
    await reclaim.start();
    await given.silence(self.instance, 60_000);
    vi.advanceTimersByTime(5_000);
    const isAlive = ({ instance, silentMs }: WorkerOnRecord) => instance === self.instance && silentMs < 30_000;
    await expect.poll(async () => (await workers.list()).some(isAlive)).toBe(true);
    await reclaim.stop();
  });
});

test('two reclaimers at once: one claims, every row is closed once', async () => {
  const { reclaim, observer, workers, tasks, taskId } = await aHolder(() => ({ birth: '1' }));
  await Promise.all([reclaim.sweep('reclaim'), reclaim.sweep('reclaim')]);
  expect(observer.ends('reclaim')).toMatchObject([{ status: 'released' }, { status: 'released' }]);
  expect(await workers.list()).toEqual([]);
  expect((await tasks.history(taskId)).past[0]?.cleanup?.steps).toHaveLength(2);
});

test('what is released after the task has its outcome amends the outcome', async () => {
  const { reclaim, tasks, batches, batchId, taskId } = await aHolder(() => ({ birth: '1' }));
  await tasks.open(taskId, 'local', 'heir');
  await tasks.close(2, outcomeOf(taskId, 'done'));
  await reclaim.sweep('reclaim');
  const [outcome] = await batches.outcomes(batchId, 0, 1);
  expect(outcome?.cleanup.open).toBe(0);
  expect(outcome?.cleanup.steps.map(({ kind }) => kind).toSorted()).toEqual(['credential_lease', 'workspace']);
});

test('a sweep costs what the dead held, not what the living hold', async () => {
  const { reclaim, workers, tasks, redis, taskIds } = await aHolder(() => ({ birth: '1' }));
  const living = { ...(await identifyWorker('living')), instance: 'living.1' };
  await workers.register(living);
  const held = {
    status: 'acquired',
    epoch: 1,
    owner: living.instance,
    intent_at: isoNow(),
    acquired_at: isoNow(),
  } as const;
  const other = taskIds[1] ?? '';
  await tasks.open(other, 'local', 'living');
  const rows = Array.from({ length: 2_000 }, (_, at) => ({
    id: `1.${at}`,
    entry: { ...held, kind: 'client', ref: 'h' } as const,
  }));
  await tasks.hold(other, 1, rows);
  redis.sent.length = 0;
  await reclaim.sweep('reclaim');
  expect(redis.sent.length).toBeLessThan(30);
  expect(await workers.list()).toMatchObject([{ openRows: 2_000 }]);
});

function kindOf(row: IndexedRow): string {
  return row.status === 'readable' ? row.entry.kind : row.status;
}
