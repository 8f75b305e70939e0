import { rmSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { taskIdOf } from '../../src/base/ids.ts';
import { FAILURES } from '../../src/errors.ts';
import { aDeployment, type Deployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { turnsReached } from '../helpers/requests.ts';
import { aSmallDisk, CANNOT_MOUNT } from '../helpers/small-disk.ts';

const LARGE = 'cut '.repeat(2_500);

function write(path: string, content: string): string {
  return `[[sim: tool=write_file args=${JSON.stringify({ path, content })}]]`;
}

function taskOf(...steps: string[]) {
  return { goal: `Write a report. ${steps.join(' ')}`, provider: 'local', toolsets: ['workspace' as const] };
}

/** What the last request told the model of its tool calls. */
function toldIn({ simulator }: Deployment): string {
  return simulator.requests().at(-1)?.body ?? '';
}

/** Writes a file until the disk has no page left. */
async function fill(disk: string): Promise<string> {
  const ballast = join(disk, 'ballast');
  await expect(writeFile(ballast, Buffer.alloc(64 * 1024 * 1024))).rejects.toMatchObject({ code: 'ENOSPC' });
  return ballast;
}

test('on a full disk, a task that succeeds delivers the earlier file whole', async ({ skip }) => {
  const disk = await aSmallDisk(8);
  if (disk === null) return skip(CANNOT_MOUNT);
  const deployment = await aDeployment();
  const { producer, outcomesOf, logs } = deployment;
  await startWorkerProcess(deployment, { workspace_root: disk });
  const task = taskOf(write('report', 'whole'), write('report', LARGE), write('new', LARGE), '[[sim: text="done"]]');
  const { batch_id } = await producer.enqueue(task);
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { text: 'done', files: [{ path: 'report', bytes: 5, text: 'whole' }] },
    notes: [expect.stringMatching(/^WORKSPACE_UNAVAILABLE: 2 writes failed; .*disk of the workspace is full/)],
  });
  const codes = outcome?.attempts.map(({ failure }) => failure?.code);
  expect(codes).toEqual(['WORKSPACE_UNAVAILABLE', 'WORKSPACE_UNAVAILABLE', undefined]);
  expect(deployment.simulator.requests().map(({ turn }) => turn)).toEqual([1, 2, 3, 4]);
  expect(toldIn(deployment).split('the disk of the workspace is full (ENOSPC)')).toHaveLength(3);
  expect(toldIn(deployment)).not.toContain(disk);
  await expect.poll(() => logs.join('')).toMatch(/"where":"workspace".*ENOSPC/);
  expect(await readdir(disk)).toEqual([]);
});

test('a worker with a full disk fails the task; the partial answer has no cut file', async ({ skip }) => {
  const disk = await aSmallDisk(8);
  if (disk === null) return skip(CANNOT_MOUNT);
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment({ settings: { tasks: { tries: 1 } } });
  const first = await startWorker();
  const inLastTurn = turnsReached(simulator, 4, 1);
  const look = '[[sim: tool=list_files args={}]]';
  const steps = [write('small', 'ok'), write('large', LARGE), look, '[[sim: turn=4 hang=headers times=1]]'];
  const { batch_id } = await producer.enqueue(taskOf(...steps));
  await inLastTurn;
  await first.drain();
  await startWorker({ workspace_root: disk });
  await producer.settled(batch_id);
  const { origin, remedy } = FAILURES.WORKSPACE_UNAVAILABLE;
  expect(await outcomesOf(batch_id)).toMatchObject([
    {
      status: 'failed',
      failure: { code: 'WORKSPACE_UNAVAILABLE', origin, remedy, message: expect.stringContaining('ENOSPC') },
      partial: { files: [{ path: 'small', bytes: 2, text: 'ok' }] },
    },
  ]);
  expect(simulator.requests().filter(({ turn }) => turn === 4)).toHaveLength(1);
});

test('once the disk has space, the next try writes the files and repeats no turn', async ({ skip }) => {
  const disk = await aSmallDisk(64);
  if (disk === null) return skip(CANNOT_MOUNT);
  const settings = { tasks: { tries: 100, backoff_ms: 20 } };
  const { producer, startWorker, simulator, outcomesOf, logs } = await aDeployment({ settings });
  const first = await startWorker();
  const inSecondTurn = turnsReached(simulator, 2, 1);
  const task = taskOf(write('report', LARGE), '[[sim: turn=2 hang=headers times=1]]', '[[sim: text="done"]]');
  const { batch_id } = await producer.enqueue(task);
  await inSecondTurn;
  await first.drain();
  const ballast = await fill(disk);
  await startWorker({ workspace_root: disk });
  await expect.poll(() => logs.join('')).toMatch(/"where":"workspace"/);
  await rm(ballast);
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'succeeded',
    answer: { text: 'done', files: [{ path: 'report', bytes: LARGE.length }] },
  });
  expect(outcome?.attempts.map(({ failure }) => failure?.code)).toContain('WORKSPACE_UNAVAILABLE');
  expect(simulator.requests().map(({ turn }) => turn)).toEqual([1, 2, 2]);
});

test('files that are lost under a child are written again before a success is recorded', async () => {
  const { producer, startWorker, simulator, outcomesOf, workspaceRoot } = await aDeployment();
  const task = taskOf(write('report', 'whole'), '[[sim: text="done"]]');
  const { batch_id } = await producer.enqueue(task);
  const loss = Promise.withResolvers<void>();
  simulator.onRequest(({ turn }, phase) => {
    if (turn !== 2 || phase !== 'received') return;
    rmSync(join(workspaceRoot, `${taskIdOf(batch_id, 0)}.1`), { recursive: true });
    loss.resolve();
  });
  await startWorker();
  await loss.promise;
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'succeeded', answer: { files: [{ path: 'report', text: 'whole' }] } });
  expect(outcome?.attempts.map(({ failure }) => failure?.code)).toEqual(['WORKSPACE_UNAVAILABLE', undefined]);
  expect(simulator.requests()).toHaveLength(2);
});

test('the limits of the configuration hold for a child, which reads them and goes on', async () => {
  const deployment = await aDeployment({
    settings: { workspace: { max_entries: 2, max_depth: 2, max_bytes: 10 }, budget: { tool_calls_per_turn: 2 } },
  });
  const { producer, startWorker, outcomesOf } = deployment;
  await startWorker();
  const steps = [write('a/b/c', 'x'), write('a/b', '12345'), write('c', 'x'), write('a/b', '12345678901')];
  const { batch_id } = await producer.enqueue(taskOf(...steps, '[[sim: text="done"]]'));
  await producer.settled(batch_id);
  expect(await outcomesOf(batch_id)).toMatchObject([
    { status: 'succeeded', answer: { files: [{ path: 'a/b', bytes: 5, text: '12345' }] } },
  ]);
  for (const limit of ['the limit is 2', 'at most 2 files and folders', 'at most 10 bytes']) {
    expect(toldIn(deployment)).toContain(limit);
  }
});

test('a turn with more tool calls than allowed ends its task, and none of them runs', async () => {
  const settings = { budget: { tool_calls_per_turn: 2 } };
  const { producer, startWorker, outcomesOf, simulator } = await aDeployment({ settings });
  await startWorker();
  const files = ['a', 'b', 'c'].map((path) => write(path, path).replace(']]', path === 'a' ? ']]' : ' parallel]]'));
  const { batch_id } = await producer.enqueue(taskOf(...files));
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'BUDGET_TOOL_CALLS' }, turns: 1, tool_calls: 3 });
  expect(outcome).not.toHaveProperty('partial');
  expect(simulator.requests()).toHaveLength(1);
});
