import { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { aDeployment } from '../helpers/deployment.ts';
import { openRedis } from '../helpers/redis.ts';

test('draining hands running tasks back without spending a try, and another worker goes on from the last recorded turn', async () => {
  const { producer, startWorker, simulator, outcomesOf, prefix } = await aDeployment({
    settings: { tasks: { tries: 1 } },
  });
  const first = await startWorker({ name: 'first' });
  const { promise: inSecondTurn, resolve } = Promise.withResolvers<void>();
  let second = 0;
  simulator.onRequest((request, phase) => {
    if (phase === 'received' && request.turn === 2 && ++second === 20) resolve();
  });
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
  expect(await openRedis().zcard(`${prefix}:records:open_rows`)).toBe(0);

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
  const { promise: started, resolve } = Promise.withResolvers<void>();
  simulator.onRequest((_, phase) => phase === 'received' && resolve());
  const { batch_id } = await producer.enqueue({ goal: 'Nearly there [[sim: latency_ms=200]]', provider: 'local' });
  await started;
  await worker.drain();
  expect((await outcomesOf(batch_id)).map(({ status, attempts }) => [status, attempts.length])).toEqual([
    ['succeeded', 1],
  ]);
});
