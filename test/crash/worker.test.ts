import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startEmbeddedRedis } from '../../src/app/embedded-redis/embedded-redis.ts';
import { monotonicMs, sleep } from '../../src/base/clock.ts';
import { taskIdOf } from '../../src/base/ids.ts';
import { SpendRecords } from '../../src/records/spend-records.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { openRedis } from '../helpers/redis.ts';
import { turnsReached } from '../helpers/requests.ts';

function twoTurnTasks(count: number, secondTurn: string) {
  return Array.from({ length: count }, (_, at) => ({
    goal: `Task ${at} [[sim: tool=list_files args={}]] [[sim: turn=2 ${secondTurn} times=1]] [[sim: text="done"]]`,
    provider: 'local',
    toolsets: ['workspace' as const],
  }));
}

test('SIGTERM with 20 tasks in flight: another worker completes them, no try is spent', async () => {
  const deployment = await aDeployment({ settings: { tasks: { tries: 1 } } });
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const first = await startWorkerProcess(deployment, { name: 'first', drain_grace_ms: 0 });
  const inFlight = turnsReached(simulator, 2, 20);
  const { batch_id } = await producer.enqueue({ tasks: twoTurnTasks(20, 'hang=headers') });
  await inFlight;
  first.process.kill('SIGTERM');
  expect(await first.exited).toBe(0);
  expect((await producer.status(batch_id)).running).toBe(0);
  await startWorker({ name: 'second' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(20);
  for (const { attempts } of await outcomesOf(batch_id)) {
    expect(attempts.map(({ ended }) => ended)).toEqual(['handed_back', 'succeeded']);
  }
});

test('after kill -9 another worker goes on from the last turn [B137] [B138]', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const inFlight = turnsReached(simulator, 2, 5);
  const { batch_id } = await producer.enqueue({ tasks: twoTurnTasks(5, 'hang=headers') });
  await inFlight;
  doomed.process.kill('SIGKILL');
  await doomed.exited;
  await startWorker({ name: 'heir' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(5);
  for (const { attempts, cleanup, calls_possibly_paid_twice, ...spend } of await outcomesOf(batch_id)) {
    // The providers here have no price, so the two recorded turns have an unknown cost too.
    expect(spend).toMatchObject({ cost_usd: null, calls_of_unknown_cost: 3 });
    expect(attempts.map(({ worker, ended }) => [worker, ended])).toEqual([
      ['doomed', 'lost'],
      ['heir', 'succeeded'],
    ]);
    expect(calls_possibly_paid_twice).toBe(1);
    const ofTheDead = cleanup.steps.filter(({ row }) => row.startsWith('1.'));
    expect(
      ofTheDead.map(({ kind, status, evidence, actor, detail }) => [kind, status, evidence, actor, detail]),
    ).toEqual(
      expect.arrayContaining([
        [
          'workspace',
          'released',
          'verified',
          expect.stringMatching(/^(boot_sweep|reclaim)$/),
          expect.stringMatching(/its process \d+ on .* has ended/),
        ],
        ['client', 'released', 'implied', expect.anything(), expect.anything()],
        ['credential_lease', 'released', 'verified', expect.anything(), expect.anything()],
      ]),
    );
    expect(cleanup.open).toBe(0);
  }
  expect(
    simulator
      .requests()
      .map(({ turn }) => turn)
      .toSorted(),
  ).toEqual([...Array(5).fill(1), ...Array(10).fill(2)]);
});

test('after kill -9 in a long call, the outcome counts its reported tokens', async () => {
  const deployment = await aDeployment();
  const providers = deployment.settings.providers as Record<string, object>;
  const prices = { 'claude-opus-5-5': { input: 1, output: 10 } };
  providers.anthropic = { ...providers.anthropic, prices };
  const { producer, simulator, startWorker, outcomesOf, prefix } = deployment;
  const doomed = await startWorkerProcess(deployment, { name: 'doomed' });
  const inFlight = turnsReached(simulator, 1, 1);
  const goal = 'Think [[sim: input_tokens=4096]] [[sim: hang=stream after=1 times=1]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'anthropic' });
  await inFlight;
  const spends = new SpendRecords(openRedis(), prefix);
  const noted = async () => (await spends.of(taskIdOf(batch_id, 0), [1])).size;
  await expect.poll(noted).toBe(1);
  doomed.process.kill('SIGKILL');
  await doomed.exited;
  await startWorker({ name: 'heir' });
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'succeeded', usage: { input_tokens: 2 * 4096 } });
  expect(outcome).not.toHaveProperty('calls_of_unknown_cost');
  expect(outcome?.cost_usd).toBeGreaterThan(2 * 4096e-6);
  expect(outcome?.possibly_paid_twice_usd).toBeGreaterThan(4096e-6);
});

test('a Redis frozen longer than the lock starts each task at most twice', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'errand-frozen-'));
  const redis = await startEmbeddedRedis({ dir, path: inject('path'), isRoot: false });
  onTestFinished(async () => {
    await redis.close();
    await rm(dir, { recursive: true, force: true });
  });
  const deployment = await aDeployment({ settings: { redis_url: redis.url } });
  const { producer, simulator, startWorker, outcomesOf } = deployment;
  await startWorker({ name: 'steady', lock_duration_ms: 2_000 });
  const inFlight = turnsReached(simulator, 1, 20);
  const tasks = Array.from({ length: 20 }, (_, at) => ({
    goal: `Task ${at} [[sim: latency_ms=4000 times=1]]`,
    provider: 'local',
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await inFlight;
  process.kill(redis.pid, 'SIGSTOP');
  const frozenAt = monotonicMs();
  await sleep(3_000); // the test is about the length of the freeze
  process.kill(redis.pid, 'SIGCONT');
  expect(monotonicMs() - frozenAt).toBeGreaterThan(2_900);
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(20);
  for (const { attempts } of await outcomesOf(batch_id)) expect(attempts.length).toBeLessThanOrEqual(2);
});
