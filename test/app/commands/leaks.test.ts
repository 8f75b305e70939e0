import { expect, inject, test } from 'vitest';
import { Redactor } from '../../../src/base/secret.ts';
import { WorkerLedger } from '../../../src/records/worker-ledger.ts';
import { identifyWorker } from '../../../src/worker/holding/identity.ts';
import { holdElsewhere, openRecords, outcomeOf } from '../../records/samples.ts';
import { aFolder, start } from '../run-cli.ts';

/** A worker on another host, silent for so long, that holds the directory of a task which has since ended. */
async function aHolder(silentMs: number, isOnRecord = true) {
  const records = await openRecords();
  const { tasks, workers, taskIds, given, prefix } = records;
  const holder = { ...(await identifyWorker('node-7')), instance: 'node-7.1', host: 'node-7' };
  if (isOnRecord) await workers.register(holder);
  await given.silence(holder.instance, silentMs);
  const [taskId = ''] = taskIds;
  await holdElsewhere(tasks, taskId, holder);
  await tasks.open(taskId, 'local', 'heir');
  await tasks.close(2, outcomeOf(taskId, 'done'));
  const env = { REDIS_URL: inject('redisUrl'), ERRAND_PREFIX: prefix };
  const leaks = (...args: string[]) => start(['leaks', ...args], aFolder(), env).ended;
  return { ...records, holder, taskId, leaks };
}

test('rows of a silent worker are listed, and closed with the reason of the operator', async () => {
  const { leaks, workers, batches, batchId } = await aHolder(60_000);
  const listed = await leaks();
  expect(listed).toMatchObject({
    code: 1,
    err: expect.stringContaining('1 open row, 1 held by unresponsive workers'),
  });
  expect(listed.out).toMatch(/workspace.*node-7.*silent for 6\d s/);

  const closed = await leaks('--close', 'node-7', '--because', 'the node was drained and deleted');
  expect(closed).toMatchObject({ code: 0, err: expect.stringContaining('Closed 1 row of worker "node-7".') });
  const [outcome] = await batches.outcomes(batchId, 0, 1);
  expect(outcome?.cleanup).toMatchObject({
    steps: [{ actor: 'operator', evidence: 'acknowledged', detail: 'the node was drained and deleted' }],
    open: 0,
  });
  expect(await workers.list()).toEqual([]);
  expect(await leaks()).toMatchObject({ code: 0, err: expect.stringContaining('No open rows.') });
});

test.each([
  ['name', 'node-7'],
  ['instance', 'node-7.1'],
])('rows of a dead worker are closed by its %s, even if another has its name', async (_, named) => {
  const { leaks, workers, holder } = await aHolder(60_000);
  const heir = { ...holder, instance: 'node-7.2' };
  await workers.register(heir);
  const closed = await leaks('--close', named, '--because', 'its disk is gone');
  expect(closed).toMatchObject({ code: 0, err: expect.stringContaining(`Closed 1 row of worker "${named}".`) });
  expect(await workers.list()).toMatchObject([{ instance: heir.instance, openRows: 0 }]);
});

test('rows of an owner that was not on record are listed, and closed by its instance', async () => {
  const { leaks, workers, holder } = await aHolder(60_000, false);
  const [leak] = (await leaks('--json')).out.trim().split('\n');
  expect(JSON.parse(leak ?? '')).toMatchObject({ kind: 'workspace', worker: 'node-7.1', instance: 'node-7.1' });
  const closed = await leaks('--close', holder.instance, '--because', 'its disk is gone');
  expect(closed).toMatchObject({ code: 0, err: expect.stringContaining('Closed 1 row of') });
  expect(await workers.list()).toEqual([]);
});

test('a shared row of a silent worker is listed without a task, and closed', async () => {
  const { leaks, workers, holder, redis, prefix } = await aHolder(60_000);
  const ledger = new WorkerLedger(redis, prefix, new Redactor());
  const row = { kind: 'process', ref: 'a-tag', epoch: 1, owner: holder.instance, intent_at: new Date().toISOString() };
  await ledger.hold(holder.instance, [{ id: '1.process.mcp-a-1', entry: { status: 'intent', ...row } }]);
  const listed = (await leaks('--json')).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(listed[1]).toMatchObject({ task_id: null, row: '1.process.mcp-a-1', worker: 'node-7' });
  const closed = await leaks('--close', 'node-7', '--because', 'its disk is gone');
  expect(closed).toMatchObject({ code: 0, err: expect.stringContaining('Closed 2 rows of') });
  expect(await workers.list()).toEqual([]);
});

test('rows of a live worker are no leaks', async () => {
  const { leaks } = await aHolder(1_000);
  expect(await leaks()).toMatchObject({ code: 0, err: expect.stringContaining('1 open row, held by live workers.') });
});

test.each([
  ['a worker that lives', 1_000, ['--close', 'node-7', '--because', 'x'], 'WORKER_ALIVE'],
  ['the instance of one that lives', 1_000, ['--close', 'node-7.1', '--because', 'x'], 'WORKER_ALIVE'],
  ['a worker nobody knows', 60_000, ['--close', 'node-8', '--because', 'x'], 'NOT_FOUND'],
  ['no reason', 60_000, ['--close', 'node-7'], '--because'],
  ['a reason for no worker', 60_000, ['--because', 'x'], '--close'],
])('%s closes nothing', async (_, silentMs, args, complaint) => {
  const { leaks, workers } = await aHolder(silentMs);
  expect(await leaks(...args)).toMatchObject({ code: 2, err: expect.stringContaining(complaint) });
  expect(await workers.list()).toMatchObject([{ openRows: 1 }]);
});

test('a row that cannot be read here is listed and stays open', async () => {
  const { leaks, workers, given, taskId, holder } = await aHolder(60_000);
  const row = { id: '1.session.x', row: { kind: 'session' }, intentMs: Date.now() - 90_000 };
  await given.openRow({ owner: holder.instance, taskId, ...row });
  expect((await leaks()).out).toMatch(/9\d s.*unreadable.*1\.session\.x.*node-7/);
  const closed = await leaks('--close', 'node-7', '--because', 'the node was deleted');
  expect(closed.err).toContain('Closed 1 row of worker "node-7". 1 row stays open: this version cannot read it.');
  expect(await workers.openRowsOf(holder.instance, 10)).toMatchObject([{ id: '1.session.x', status: 'unreadable' }]);
});
