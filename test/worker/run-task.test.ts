import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../src/agent/tool.ts';
import { defineToolset } from '../../src/agent/toolset.ts';
import { isoNow } from '../../src/base/clock.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import { WorkerRecords } from '../../src/records/worker-records.ts';
import { identifyWorker } from '../../src/worker/holding/identity.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startStoppingWorker } from '../helpers/process.ts';
import { openRedis } from '../helpers/redis.ts';
import { givenIn } from '../records/given.ts';
import { attemptOf } from '../records/samples.ts';

// The real file system, but for single calls: no removal fails by itself.
vi.mock('node:fs/promises', { spy: true });

afterEach(() => {
  vi.useRealTimers();
});

function recordsUnder(prefix: string): TaskRecords {
  return new TaskRecords(openRedis(), prefix, new Redactor());
}

test('a call of an effect tool is on record before it runs', async () => {
  const seen: unknown[] = [];
  let taskId = '';
  const send = defineTool({
    name: 'send',
    description: 'Sends.',
    class: 'effect',
    parameters: z.strictObject({}),
    run: async () => {
      seen.push(...(await recordsUnder(prefix).history(taskId)).effects);
      return 'sent';
    },
  });
  const mail = defineToolset({ name: 'mail', tools: [send] });
  const { producer, startWorker, prefix } = await aDeployment({ toolsets: [mail] });
  const goal = 'Send it. [[sim: tool=send args={}]] [[sim: text="done"]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'local', toolsets: ['mail'] });
  taskId = taskIdOf(batch_id, 0);
  await startWorker();
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  expect(seen).toEqual([{ version: 1, id: '1.1', call_id: expect.any(String), tool: 'send' }]);
});

test.each([
  ['runs again', false, 'succeeded'],
  ['was cancelled meanwhile', true, 'cancelled'],
])('what a lost attempt held is released with the task that %s, and reported', async (_, isCancelled, status) => {
  const { producer, startWorker, outcomesOf, prefix, workspaceRoot } = await aDeployment();
  const { batch_id } = await producer.enqueue({ goal: 'Go on', provider: 'local' });
  const taskId = taskIdOf(batch_id, 0);
  const ref = join(workspaceRoot, `${taskId}.1`);
  const tasks = recordsUnder(prefix);
  const workers = new WorkerRecords(openRedis(), prefix);
  await workers.register({ ...(await identifyWorker('doomed')), instance: 'doomed.1', birth: '1' });
  await workers.claim('doomed.1', 'a sweep that takes its time', 60_000);
  await tasks.open(taskId, 'local', 'doomed');
  await mkdir(ref);
  const held = { epoch: 1, owner: 'doomed.1', intent_at: isoNow(), acquired_at: isoNow() };
  await tasks.hold(taskId, 1, [
    { id: `1.workspace.${ref}`, entry: { status: 'acquired', kind: 'workspace', ref, ...held } },
  ]);
  if (isCancelled) await producer.cancel(batch_id, 'enough');
  await startWorker();
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status, cleanup: { open: 0 } });
  expect(outcome?.cleanup.steps).toContainEqual(
    expect.objectContaining({
      row: `1.workspace.${ref}`,
      status: 'released',
      evidence: 'verified',
      actor: 'reclaim',
    }),
  );
});

test('what an attempt could not release is open in its outcome until a sweep [B113]', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  await startWorker();
  vi.mocked(rm).mockRejectedValueOnce(new Error('the disk is busy'));
  const { batch_id } = await producer.enqueue({ goal: 'Hold it', provider: 'local', toolsets: ['workspace'] });
  await producer.settled(batch_id);
  const cleanup = async () => (await outcomesOf(batch_id))[0]?.cleanup;
  expect(await cleanup()).toMatchObject({ open: 1 });
  vi.advanceTimersByTime(10_000);
  await expect.poll(cleanup).toMatchObject({ open: 0 });
  expect((await cleanup())?.steps).toContainEqual(
    expect.objectContaining({ kind: 'workspace', status: 'released', actor: 'reclaim' }),
  );
});

test('a task that was deferred for a day without a turn fails at the next deferral', async () => {
  const { producer, startWorker, outcomesOf, prefix } = await aDeployment();
  const goal = 'Wait [[sim: status=429 retry_after_ms=50 times=1]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'local' });
  const taskId = taskIdOf(batch_id, 0);
  const tasks = recordsUnder(prefix);
  await tasks.open(taskId, 'local', 'earlier');
  const dayAgo = new Date(Date.now() - 25 * 3_600_000).toISOString();
  await tasks.endAttempt(taskId, { ...attemptOf(1, 'deferred'), started_at: dayAgo, ended_at: dayAgo });
  await startWorker();
  await producer.settled(batch_id);
  expect(await outcomesOf(batch_id)).toMatchObject([
    { failure: { code: 'PROVIDER_RATE_LIMITED' }, attempts: [{ ended: 'deferred' }, { ended: 'failed' }] },
  ]);
});

test('a task whose end could not be written fails, and its place goes to the next', async () => {
  const deployment = await aDeployment({ settings: { tasks: { tries: 1 } } });
  const { producer, outcomesOf, prefix } = deployment;
  const worker = await startStoppingWorker(deployment, 'closing', 'told_queue');
  const goals = ['First', 'Second', 'Third'];
  const { batch_id } = await producer.enqueue({
    max_concurrent: 1,
    tasks: goals.map((goal) => ({ goal, provider: 'local' })),
  });
  await worker.stoppedAt('closing');
  const { mend } = await givenIn(prefix).damaged('released', taskIdOf(batch_id, 0));
  worker.goOn();
  await worker.stoppedAt('told_queue');
  await mend();
  worker.goOn();
  await producer.settled(batch_id);
  const outcomes = await outcomesOf(batch_id);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['failed', 'succeeded', 'succeeded']);
  expect(outcomes.find(({ status }) => status === 'failed')).toMatchObject({
    failure: { code: 'ATTEMPT_STALLED_OUT' },
    route: { provider: 'local' },
    cleanup: { open: 0 },
  });
});
