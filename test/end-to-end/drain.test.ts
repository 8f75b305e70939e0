import { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { monotonicMs } from '../../src/base/clock.ts';
import { start } from '../app/run-cli.ts';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis, workersHolding } from '../helpers/redis.ts';
import { turnsReached } from '../helpers/requests.ts';
import { watchSlowness } from '../helpers/slowness.ts';

test('draining returns running tasks without a try; another worker continues them', async () => {
  const { producer, startWorker, simulator, outcomesOf, prefix } = await aDeployment({
    settings: { tasks: { tries: 1 } },
  });
  const first = await startWorker({ name: 'first' });
  const inSecondTurn = turnsReached(simulator, 2, 20);
  const goal = (at: number) =>
    `Task ${at} [[sim: tool=write_file args={"path":"a.txt","content":"kept"}]] [[sim: turn=2 hang=stream times=1]] [[sim: text="done"]]`;
  const tasks = Array.from({ length: 20 }, (_, at) => ({
    goal: goal(at),
    provider: 'local',
    toolsets: ['workspace' as const],
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await inSecondTurn;
  expect(first.running()).toBe(20);
  await first.drain();

  const lane = new Queue('tasks-local', { connection: openRedis(), prefix, skipMetasUpdate: true });
  const jobs = await lane.getJobs(['waiting', 'prioritized']);
  expect(jobs).toHaveLength(20);
  expect(jobs.every((job) => job.attemptsMade === 0 && job.stalledCounter === 0)).toBe(true);
  await lane.close();
  expect(await workersHolding(prefix)).toEqual([]);

  const before = simulator.requests().length;
  await startWorker({ name: 'second' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(20);
  const again = simulator.requests().slice(before);
  expect(again.map(({ turn }) => turn)).toEqual(Array.from({ length: 20 }, () => 2));
  for (const outcome of await outcomesOf(batch_id)) {
    expect(outcome.attempts.map(({ worker, ended }) => [worker, ended])).toEqual([
      ['first', 'handed_back'],
      ['second', 'succeeded'],
    ]);
    expect(outcome).toMatchObject({ answer: { text: 'done', files: [{ path: 'a.txt', text: 'kept' }] } });
  }
});

test('within the grace a running task may finish', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  const worker = await startWorker({ drain_grace_ms: 10_000 });
  const started = turnsReached(simulator, 1, 1);
  const { batch_id } = await producer.enqueue({ goal: 'Nearly there [[sim: latency_ms=200]]', provider: 'local' });
  await started;
  await worker.drain();
  expect((await outcomesOf(batch_id)).map(({ status, attempts }) => [status, attempts.length])).toEqual([
    ['succeeded', 1],
  ]);
});

test('the turn under way when a drain begins is finished and recorded', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  const first = await startWorker({ name: 'first', drain_grace_ms: 20_000 });
  const inFirstTurn = turnsReached(simulator, 1, 5);
  const tasks = Array.from({ length: 5 }, (_, at) => ({
    goal: `Task ${at} [[sim: tool=list_files args={} latency_ms=3000]] [[sim: text="done"]]`,
    provider: 'local',
    toolsets: ['workspace' as const],
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await inFirstTurn;
  await first.drain();
  expect(simulator.requests().map(({ turn, ended }) => [turn, ended])).toEqual(Array(5).fill([1, 'complete']));

  await startWorker({ name: 'second' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(5);
  expect(simulator.requests().map(({ turn }) => turn)).toEqual([...Array(5).fill(1), ...Array(5).fill(2)]);
  for (const { attempts } of await outcomesOf(batch_id)) {
    expect(attempts.map(({ ended }) => ended)).toEqual(['handed_back', 'succeeded']);
    expect(attempts[0]?.failure?.message).toBe('the worker is stopping; recorded turns: 1');
  }
});

test('what was handed back goes before the tasks of its batch that have not started', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  const first = await startWorker({ concurrency: 2 });
  const started = turnsReached(simulator, 1, 2);
  const tasks = Array.from({ length: 8 }, (_, at) => ({
    goal: `Task ${at} [[sim: hang=headers times=1]] [[sim: text="done"]]`,
    provider: 'local',
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await started;
  await first.drain();
  const again = turnsReached(simulator, 1, 2);
  await startWorker({ concurrency: 2 });
  await again;
  const goals = simulator.requests().map(({ last_user_text: text }) => text.slice(0, 6));
  expect(goals.slice(2, 4).toSorted()).toEqual(goals.slice(0, 2).toSorted());
  await producer.cancel(batch_id, 'seen enough');
  await producer.settled(batch_id);
  const handedBack = (await outcomesOf(batch_id)).filter(({ attempts }) => attempts[0]?.ended === 'handed_back');
  expect(handedBack.map(({ index }) => `Task ${index}`)).toEqual(goals.slice(0, 2).toSorted());
});

test('SIGTERM with 50 streams of a minute: gone within 5 s, every task continues', async () => {
  const deployment = await aDeployment({ settings: { tasks: { tries: 1 } } });
  const { producer, simulator, environment, settings, workspaceRoot, logs, startWorker, outcomesOf } = deployment;
  const leaving = start(['worker'], workspaceRoot, {
    ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)])),
    REDIS_URL: String(settings.redis_url),
    ERRAND_PREFIX: deployment.prefix,
    ERRAND_PROVIDERS: JSON.stringify(settings.providers),
    ERRAND_HEALTH_HOST: '127.0.0.1',
    ERRAND_HEALTH_PORT: '0',
    ERRAND_WORKSPACE_ROOT: workspaceRoot,
    ERRAND_WORKER_NAME: 'leaving',
  });
  const [, health = ''] = await leaving.says(/"health":"([^"]+)"/);
  const streaming = turnsReached(simulator, 2, 50);
  const tasks = Array.from({ length: 50 }, (_, at) => ({
    goal: `Task ${at} [[sim: tool=list_files args={}]] [[sim: turn=2 tokens=60 delta_ms=1000 times=1]]`,
    provider: 'local',
    toolsets: ['workspace' as const],
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await streaming;

  const pace = watchSlowness();
  const toldAt = monotonicMs();
  leaving.process.kill('SIGTERM');
  await leaving.says(/"msg":"draining"/);
  const probes = await Promise.all(['/readyz', '/healthz'].map((path) => fetch(`${health}${path}`)));
  const { code, out } = await leaving.ended;
  const goneMs = monotonicMs() - toldAt;
  logs.push(out);
  console.log(`SIGTERM with 50 streams: gone after ${Math.round(goneMs)} ms`);
  expect(probes.map(({ status }) => status)).toEqual([503, 200]);
  expect(code).toBe(0);
  expect(goneMs).toBeLessThan(pace.allow(5_000));

  const before = simulator.requests().length;
  await startWorker({ name: 'staying' });
  expect((await producer.settled(batch_id)).counts.succeeded).toBe(50);
  expect(
    simulator
      .requests()
      .slice(before)
      .map(({ turn }) => turn),
  ).toEqual(Array(50).fill(2));
  for (const { attempts } of await outcomesOf(batch_id)) {
    expect(attempts.map(({ worker, ended }) => [worker, ended])).toEqual([
      ['leaving', 'handed_back'],
      ['staying', 'succeeded'],
    ]);
  }
});
