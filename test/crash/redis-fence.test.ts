import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { monotonicMs, sleep } from '../../src/base/clock.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { startWorkerProcess } from '../helpers/process.ts';
import { workersHolding } from '../helpers/redis.ts';
import { startRedisServer } from '../helpers/redis-server.ts';
import { requestsIn } from '../helpers/requests.ts';

const LOCK_MS = 3_000;

function tasksThatHangOnce(count: number) {
  return Array.from({ length: count }, (_, at) => ({
    goal: `Task ${at} [[sim: turn=1 hang=headers times=1]] [[sim: tool=list_files args={}]] [[sim: text="done"]]`,
    provider: 'local',
    toolsets: ['workspace' as const],
  }));
}

test('while Redis is frozen the clock aborts every attempt, and all complete later', async () => {
  const redis = await startRedisServer();
  const { producer, simulator, startWorker, outcomesOf, prefix } = await aDeployment({
    settings: { redis_url: redis.url },
  });
  await startWorker({ name: 'steady', lock_duration_ms: LOCK_MS });
  const inFlight = requestsIn(simulator, 'received', 20);
  const closed = requestsIn(simulator, 'ended', 20);
  const { batch_id } = await producer.enqueue({ tasks: tasksThatHangOnce(20) });
  await inFlight;
  redis.signal('SIGSTOP');
  const frozenAt = monotonicMs();
  expect((await closed).map(({ ended }) => ended)).toEqual(Array(20).fill('client_closed'));
  // The tests of locks check that the abort comes before the lock lapses. Here only the clock can cause it.
  await sleep(Math.max(0, 2 * LOCK_MS - (monotonicMs() - frozenAt))); // the test is about the length of the freeze
  redis.signal('SIGCONT');
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(20);
  for (const { attempts } of await outcomesOf(batch_id)) expect(attempts.length).toBeLessThanOrEqual(2);
  expect(simulator.requests()).toHaveLength(60);
  expect(await workersHolding(prefix, redis.url)).toEqual([]);
});

test('a lock lost three times in one turn is no crash loop: each attempt says why', async () => {
  const redis = await startRedisServer();
  const { producer, simulator, startWorker, outcomesOf } = await aDeployment({ settings: { redis_url: redis.url } });
  await startWorker({ name: 'steady', lock_duration_ms: LOCK_MS });
  const goal = 'A long turn [[sim: turn=1 hang=headers times=3]] [[sim: text="done"]]';
  const { batch_id } = await producer.enqueue({ goal, provider: 'local' });
  for (let freeze = 0; freeze < 3; freeze++) {
    await expect.poll(() => simulator.requests().length).toBe(freeze + 1);
    const closed = requestsIn(simulator, 'ended', 1);
    redis.signal('SIGSTOP');
    await closed;
    redis.signal('SIGCONT');
  }
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(1);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome?.attempts.map(({ ended, failure }) => [ended, failure?.code])).toEqual([
    ...Array(3).fill(['lost', 'ATTEMPT_LOCK_LOST']),
    ['succeeded', undefined],
  ]);
});

test('a worker stopped longer than its locks releases its resources and writes nothing', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, startWorker, outcomesOf, workspaceRoot, prefix } = deployment;
  const zombie = await startWorkerProcess(deployment, { name: 'zombie', lock_duration_ms: LOCK_MS });
  const inFlight = requestsIn(simulator, 'received', 5);
  const closed = requestsIn(simulator, 'ended', 5);
  const { batch_id } = await producer.enqueue({ tasks: tasksThatHangOnce(5) });
  await inFlight;
  zombie.process.kill('SIGSTOP');
  const heir = await startWorker({ name: 'heir', lock_duration_ms: LOCK_MS });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(5);
  expect(await readdir(workspaceRoot)).toHaveLength(5);
  await heir.drain(); // from here on only the zombie can release anything
  zombie.process.kill('SIGCONT');
  const metrics = async () => (await fetch(`${healthUrlOf(zombie.output())}/metrics`)).text();
  await expect.poll(metrics).toMatch(/^errand_stale_writes_refused_total 5$/m);
  await expect.poll(() => readdir(workspaceRoot)).toEqual([]);
  await expect.poll(() => workersHolding(prefix)).toEqual([]);
  expect((await closed).some(({ ended }) => ended === 'client_closed')).toBe(true);
  for (const { attempts } of await outcomesOf(batch_id)) {
    expect(attempts.map(({ worker, ended }) => [worker, ended])).toEqual([
      ['zombie', 'lost'],
      ['heir', 'succeeded'],
    ]);
  }
});

function healthUrlOf(output: string): string {
  return /"health":"([^"]+)"/.exec(output)?.[1] ?? expect.fail('the worker did not tell its address');
}
