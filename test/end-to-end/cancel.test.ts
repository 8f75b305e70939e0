import { expect, test } from 'vitest';
import type { LoggedRequest, Simulator } from '../../src/simulator/index.ts';
import { aDeployment } from '../helpers/deployment.ts';

/** Resolves once `count` requests have come to the given phase. */
function requestsIn(simulator: Simulator, phase: 'received' | 'ended', count: number): Promise<LoggedRequest[]> {
  const seen: LoggedRequest[] = [];
  const { promise, resolve } = Promise.withResolvers<LoggedRequest[]>();
  simulator.onRequest((request, now) => {
    if (now === phase && seen.push(request) === count) resolve(seen);
  });
  return promise;
}

test('cancelling a batch closes the sockets of what runs, and what waits never starts', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  await startWorker({ concurrency: 3 });
  const started = requestsIn(simulator, 'received', 3);
  const closed = requestsIn(simulator, 'ended', 3);
  const tasks = Array.from({ length: 10 }, (_, at) => ({
    goal: `Endless task ${at} [[sim: hang=stream after=3]]`,
    provider: 'local',
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await started;
  const cancelled = await producer.cancel(batch_id, 'wrong month');
  expect(cancelled).toMatchObject({ status: 'cancelled', flag: { reason: 'wrong month' } });
  expect((await closed).map(({ ended }) => ended)).toEqual(['client_closed', 'client_closed', 'client_closed']);
  const summary = await producer.settled(batch_id);
  expect(summary.counts).toEqual({ succeeded: 0, failed: 0, rejected: 0, cancelled: 10 });
  expect(simulator.requests()).toHaveLength(3);
  const outcomes = await outcomesOf(batch_id);
  expect(outcomes.every((outcome) => outcome.status === 'cancelled' && outcome.reason === 'wrong month')).toBe(true);
  const ran = outcomes.filter(({ attempts }) => attempts.length > 0);
  expect(ran).toHaveLength(3);
  for (const outcome of ran) expect(outcome).toMatchObject({ partial: { text: expect.stringMatching(/./) } });
});

test('cancelling one task leaves its siblings running', async () => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  await startWorker();
  const started = requestsIn(simulator, 'received', 2);
  const tasks = [
    { goal: 'The endless one [[sim: hang=headers]]', provider: 'local' },
    { goal: 'The quick one [[sim: latency_ms=300]]', provider: 'local' },
  ];
  const { batch_id } = await producer.enqueue({ tasks });
  await started;
  await producer.cancel(`${batch_id}-0`, 'enough');
  await producer.settled(batch_id);
  expect((await outcomesOf(batch_id)).map(({ status }) => status)).toEqual(['cancelled', 'succeeded']);
});

test('a batch cancelled before any worker runs settles without a single request', async () => {
  const { producer, startWorker, simulator } = await aDeployment();
  const tasks = Array.from({ length: 20 }, (_, at) => ({ goal: `Never started, task ${at}`, provider: 'openai' }));
  const { batch_id } = await producer.enqueue({ tasks });
  await producer.cancel(batch_id, 'changed my mind');
  await startWorker();
  expect((await producer.settled(batch_id)).counts.cancelled).toBe(20);
  expect(simulator.requests()).toEqual([]);
});

test('cancelling what has ended says so', async () => {
  const { producer, startWorker } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({ goal: 'A short one', provider: 'openai' });
  await producer.settled(batch_id);
  expect(await producer.cancel(batch_id, 'too late')).toEqual({ status: 'settled' });
  expect(await producer.cancel(`${batch_id}-0`, 'too late')).toMatchObject({
    status: 'ended',
    outcome: { status: 'succeeded' },
  });
  await expect(producer.cancel(`${batch_id}-7`, 'no such task')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
