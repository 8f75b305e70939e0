import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { isoNow } from '../../src/base/clock.ts';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import { birthOf } from '../../src/base/process-birth.ts';
import { processTagOf } from '../../src/processes/tag.ts';
import { jobNameOf } from '../../src/records/sleepers.ts';
import { workspacePathOf } from '../../src/tools/workspace/kind.ts';
import { identifyWorker } from '../../src/worker/holding/identity.ts';
import { Reclaim } from '../../src/worker/holding/reclaim.ts';
import { aFolder, start } from '../app/run-cli.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { openRedis, storedIn } from '../helpers/redis.ts';
import { aHandBack, releasersFor } from '../helpers/releasers.ts';
import { aWitness } from '../helpers/witness.ts';
import { providerAt } from '../providers/models.ts';
import { givenIn } from '../records/given.ts';
import { openRecords } from '../records/samples.ts';

/** Targets of a writer of Redis: a directory, a process and a listener outside the deployment. */
type Canaries = { folder: string; child: ChildProcess; pid: number; address: string; requests: string[] };

async function canaries(): Promise<Canaries> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-canary-'));
  await writeFile(join(folder, 'song'), 'tweet');
  const child = spawn('sleep', ['600'], { stdio: 'ignore', env: { ERRAND_ROW: '1.process.1' } });
  const requests: string[] = [];
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url}`);
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"x","status":"in_progress","metadata":{}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { folder, child, pid: child.pid ?? 0, address, requests };
}

/** A sweeping worker, a registered dead worker, and a function that forges a row of a task with the dead worker as owner. */
async function aForger() {
  const records = await openRecords();
  const { given, workers, tasks, prefix, taskIds, redactor } = records;
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'errand-root-'));
  onTestFinished(() => rm(workspaceRoot, { recursive: true, force: true }));
  const deployment = { prefix, workspaceRoot };
  const birds = await canaries();
  const provider = providerAt('responses', birds.address, { name: 'acme', background: true, credential: 'env:KEY' });
  const releasers = releasersFor(redactor, [provider], { KEY: 'sk-acme-0123456789' }, deployment);
  const self = await identifyWorker('sweeper');
  const dead = { ...self, instance: 'dead.1', name: 'dead', birth: '1' };
  await workers.register(dead);
  const reclaim = new Reclaim({
    ...aHandBack(records),
    workers,
    records: tasks,
    self,
    releasers,
    observer: aWitness(),
  });
  const [taskId = ''] = taskIds;
  const plant = async (row: Record<string, unknown>, id: string, task = taskId) => {
    const times = { intent_at: isoNow(), acquired_at: isoNow() };
    const forged = { status: 'acquired', epoch: 1, owner: dead.instance, ...times, ...row };
    await given.openRow({ owner: dead.instance, taskId: task, id, row: forged });
  };
  const leaks = () => start(['leaks'], aFolder(), { REDIS_URL: inject('redisUrl'), ERRAND_PREFIX: prefix }).ended;
  return { ...records, ...birds, deployment, releasers, reclaim, taskId, plant, leaks };
}

const LISTED = new Set(['a directory elsewhere', 'a task id that is a path', 'the canary process', 'an address']);

type Forger = Awaited<ReturnType<typeof aForger>>;
type Planted = { row: Record<string, unknown>; id?: string; task?: string };

const workspace = (ref: string, over: object = {}): Planted => ({ row: { kind: 'workspace', ref, ...over } });
const ofProcess = (ref: string): Planted => ({ row: { kind: 'process', ref }, id: '1.process.1' });
const ofResponse = (ref: string): Planted => ({
  row: { kind: 'response', ref },
  id: `1.response.${ref.slice(ref.indexOf('/') + 1)}`,
});

test.each<[string, (forger: Forger) => Planted | Promise<Planted>]>([
  ['a directory elsewhere', ({ folder }) => workspace(folder)],
  ['an earlier root', ({ folder, taskId }) => workspace(join(folder, `${taskId}.1`))],
  ['a way up', ({ deployment, folder }) => workspace(`${deployment.workspaceRoot}/../${folder.split('/').at(-1)}`)],
  ['the root itself', ({ deployment }) => workspace(deployment.workspaceRoot)],
  ['another task', ({ deployment, taskIds }) => workspace(workspacePathOf(deployment, taskIds[1] ?? '', 1))],
  ['another epoch', ({ deployment, taskId }) => workspace(workspacePathOf(deployment, taskId, 2))],
  [
    'a link to the canary',
    async ({ deployment, taskId, folder }) => {
      const path = workspacePathOf(deployment, taskId, 1);
      await symlink(folder, path);
      return workspace(path);
    },
  ],
  ['a row id of another kind', ({ folder }) => ({ ...workspace(folder), id: '1.client.host' })],
  ['a task id that is a path', ({ folder }) => ({ ...workspace(folder), task: `..${folder}` })],
  ['the canary process', ({ pid }) => ofProcess(`${pid}:${birthOf(pid)}:1.process.1`)],
  [
    'the canary process, with the tag of the row',
    ({ pid, deployment, taskId }) =>
      ofProcess(`${pid}:${birthOf(pid)}:${processTagOf(deployment, taskId, '1.process.1')}`),
  ],
  [
    'the worker itself, with the tag of the row',
    ({ deployment, taskId }) =>
      ofProcess(`${process.pid}:${birthOf(process.pid)}:${processTagOf(deployment, taskId, '1.process.1')}`),
  ],
  [
    'the parent of the worker, with the tag of the row',
    ({ deployment, taskId }) =>
      ofProcess(`${process.ppid}:${birthOf(process.ppid)}:${processTagOf(deployment, taskId, '1.process.1')}`),
  ],
  [
    'the first process, with the tag of the row',
    ({ deployment, taskId }) => ofProcess(`1:${birthOf(1)}:${processTagOf(deployment, taskId, '1.process.1')}`),
  ],
  ['a group of processes', ({ pid }) => ofProcess(`-${pid}:${birthOf(pid)}:t`)],
  ['every process', () => ofProcess('-1:1:t')],
  ['an address', ({ address }) => ofResponse(`${address}/v1/responses/resp_1`)],
  ['an unknown provider', () => ofResponse('nobody/resp_1')],
  ['a way out of the responses', () => ofResponse('acme/../../models/x')],
  ['a response without a mark', () => ofResponse('acme/resp_1')],
])('a forged row that names %s stays open, named, and nothing is touched', async (title, forge) => {
  const forger = await aForger();
  const { folder, child, requests, deployment, reclaim, plant, leaks, workers, taskId } = forger;
  await mkdir(workspacePathOf(deployment, forger.taskIds[1] ?? '', 1));
  const { row, id = `1.${row.kind}.${row.ref}`, task = taskId } = await forge(forger);
  await plant(row, id, task);
  await plant({ kind: 'credential_lease', ref: 'env:X' }, '1.credential_lease.env:X');
  await reclaim.sweep('reclaim');
  await reclaim.sweep('reclaim');
  expect(await stat(join(folder, 'song'))).toBeDefined();
  expect(await stat(workspacePathOf(deployment, forger.taskIds[1] ?? '', 1))).toBeDefined();
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  expect(requests.filter((request) => !request.startsWith('GET /v1/responses/resp_1'))).toEqual([]);
  const left = await workers.openRowsOf('dead.1', 10);
  expect(left.map((entry) => `${entry.taskId}/${entry.id}`)).toEqual([`${task}/${id}`]);
  // The command is slow to start, so it runs once for each form of row.
  if (!LISTED.has(title)) return;
  expect((await leaks()).out).toContain(row.kind === 'workspace' && task !== taskId ? 'unreadable' : String(row.kind));
});

test('a process of this worker with the tag of its row is ended', async () => {
  const { deployment, taskId, plant, reclaim, workers } = await aForger();
  const tag = processTagOf(deployment, taskId, '1.process.1');
  const tool = spawn('sleep', ['600'], { stdio: 'ignore', env: { ERRAND_ROW: tag } });
  onTestFinished(() => void tool.kill('SIGKILL'));
  const ended = new Promise((resolve) => tool.once('exit', (_, signal) => resolve(signal)));
  const pid = tool.pid ?? 0;
  await plant({ kind: 'process', ref: `${pid}:${birthOf(pid)}:${tag}` }, '1.process.1');
  await reclaim.sweep('reclaim');
  expect(await ended).toBe('SIGTERM');
  expect(await workers.openRowsOf('dead.1', 10)).toEqual([]);
});

test('the workspace of a running attempt is kept, whichever owner a forged row names', async () => {
  const { deployment, taskId, plant, reclaim } = await aForger();
  const path = workspacePathOf(deployment, taskId, 1);
  await mkdir(path);
  const leave = reclaim.markRunning(taskId, 1);
  await plant({ kind: 'workspace', ref: path }, `1.workspace.${path}`);
  await reclaim.sweep('reclaim');
  expect(await stat(path)).toBeDefined();
  leave(false);
  await reclaim.sweep('reclaim');
  await expect(stat(path)).rejects.toThrow('ENOENT');
});

test('sweep and list survive keys of a wrong type, and beats and times without numbers', async () => {
  const { given, plant, reclaim, workers, leaks, taskIds } = await aForger();
  const self = await identifyWorker('x');
  await given.identity('forged.1', { ...self, instance: 'forged.1', pid: 2 ** 40, birth: 'soon' });
  await given.identity('text.1', 'no JSON');
  await given.identity('other.1', self);
  await given.beat('forged.1', 'yesterday');
  await given.beat('text.1', '-inf');
  await given.beat('dead.1', '1e999');
  await given.damaged('openRows', 'text.1');
  await given.damaged('ledger', taskIds[2] ?? '');
  await given.openRow({ owner: 'dead.1', taskId: taskIds[2] ?? '', id: '1.client.h', intentMs: '+inf' });
  await plant({ kind: 'credential_lease', ref: 'env:X' }, '1.credential_lease.env:X');
  await reclaim.sweep('reclaim');
  const known = await workers.list();
  expect(known.every(({ silentMs }) => Number.isFinite(silentMs))).toBe(true);
  expect(known.find(({ instance }) => instance === 'other.1')?.identity).toBeNull();
  expect(await workers.openRowsOf('dead.1', 10)).toMatchObject([{ id: '1.client.h', status: 'unreadable' }]);
  expect(await leaks()).toMatchObject({ code: 1, out: expect.stringContaining('unreadable') });
});

test('a forged wake opens no queue, and the waiting tasks are woken', async () => {
  const deployment = await aDeployment();
  const { producer, prefix, startWorker } = deployment;
  const tasks = ['First', 'Second', 'Third'].map((goal) => ({ goal, provider: 'local' }));
  const { batch_id } = await producer.enqueue({ max_concurrent: 1, tasks });
  const redis = openRedis();
  const forged = ['../x@local', `${batch_id}-1@local@x`, jobNameOf(taskIdOf(newBatchId(), 0), 'nobody'), '@', 'x'];
  await givenIn(prefix, redis).parked(batch_id, forged);
  await startWorker();
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(3);
  expect(await redis.keys(`${prefix}:tasks-nobody:*`)).toEqual([]);
});

test('a worker under attack runs its tasks and releases what a dead worker held', async () => {
  const deployment = await aDeployment();
  const { producer, prefix, startWorker, workspaceRoot, simulator } = deployment;
  const { folder, child, pid } = await canaries();
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  simulator.onRequest((_, phase) => phase === 'received' && resolve());
  const victim = await startWorkerProcess(deployment, { name: 'victim' });
  const held = {
    goal: 'Hold a workspace [[sim: hang=headers times=1]]',
    provider: 'local',
    toolsets: ['workspace' as const],
  };
  const { batch_id } = await producer.enqueue(held);
  await reached;
  const redis = openRedis();
  const [given, stored] = [givenIn(prefix, redis), storedIn(prefix, redis)];
  const owner = (await stored.instances()).find((instance) => instance.startsWith('victim.')) ?? '';
  const taskId = taskIdOf(batch_id, 0);
  const at = isoNow();
  const common = { status: 'acquired', epoch: 1, owner, intent_at: at, acquired_at: at };
  const rows = [
    ['1.workspace.x', { ...common, kind: 'workspace', ref: folder }],
    ['1.process.1', { ...common, kind: 'process', ref: `${pid}:${birthOf(pid)}:1.process.1` }],
  ] as const;
  for (const [id, row] of rows) await given.openRow({ owner, taskId, id, row });
  victim.process.kill('SIGKILL');
  await victim.exited;
  await startWorker({ name: 'heir' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(await stat(join(folder, 'song'))).toBeDefined();
  expect(child.signalCode).toBeNull();
  await expect(stat(join(workspaceRoot, `${taskId}.1`))).rejects.toThrow('ENOENT');
  expect(await stored.indexedRows(owner)).toEqual(rows.map(([id]) => `${taskId}/${id}`).toSorted());
  await given.noOpenRows(owner);
});
