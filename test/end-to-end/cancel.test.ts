import { expect, test } from 'vitest';
import { isoNow, monotonicMs, sleep } from '../../src/base/clock.ts';
import type { Simulator } from '../../src/entries/simulator.ts';
import { aDeployment } from '../helpers/deployment.ts';
import type { MomentName } from '../helpers/moments.ts';
import { startStoppingWorker, startWorkerProcess } from '../helpers/process.ts';
import { openRedis, workersHolding } from '../helpers/redis.ts';
import { requestsIn } from '../helpers/requests.ts';
import { watchSlowness } from '../helpers/slowness.ts';
import { givenIn } from '../records/given.ts';

test('cancelling a batch closes the sockets of what runs; nothing else starts [B104]', async () => {
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

test('cancelling one task leaves its siblings running [B106]', async () => {
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

test('a batch cancelled before any worker runs settles without a request [B105]', async () => {
  const { producer, startWorker, simulator } = await aDeployment();
  const tasks = Array.from({ length: 20 }, (_, at) => ({ goal: `Never started, task ${at}`, provider: 'openai' }));
  const { batch_id } = await producer.enqueue({ tasks });
  await producer.cancel(batch_id, 'changed my mind');
  await startWorker();
  expect((await producer.settled(batch_id)).counts.cancelled).toBe(20);
  expect(simulator.requests()).toEqual([]);
});

test('cancelling what has ended says so, and keeps its outcome [B104]', async () => {
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

/** How long each request was still open after the moment given, in milliseconds, shortest first, as they close. */
function closingTimes(simulator: Simulator, count: number): { since: (atMs: number) => Promise<number[]> } {
  const closedAt: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  simulator.onRequest(({ ended }, phase) => {
    if (phase === 'ended' && ended === 'client_closed' && closedAt.push(monotonicMs()) === count) resolve();
  });
  return {
    since: async (atMs) => {
      await promise;
      return closedAt.map((at) => at - atMs).toSorted((a, b) => a - b);
    },
  };
}

test('a cancel from another process closes 200 sockets within half a second', async () => {
  const deployment = await aDeployment();
  const { producer, simulator, outcomesOf, prefix } = deployment;
  await startWorkerProcess(deployment, { concurrency: 200 });
  const started = requestsIn(simulator, 'received', 200);
  const tasks = Array.from({ length: 400 }, (_, at) => ({
    goal: `Task ${at} [[sim: hang=stream after=3]]`,
    provider: 'local',
  }));
  const { batch_id } = await producer.enqueue({ tasks });
  await started;

  const pace = watchSlowness();
  const closing = closingTimes(simulator, 200);
  const askedAt = monotonicMs();
  await producer.cancel(batch_id, 'wrong month');
  const times = await closing.since(askedAt);
  const [p50 = 0, p99 = 0] = [times[99], times[197]];
  console.log(`cancel of 200 streams, call to closed socket: p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms`);
  expect(p99).toBeLessThan(pace.allow(500));

  expect((await producer.settled(batch_id)).counts.cancelled).toBe(400);
  expect(simulator.requests()).toHaveLength(200);
  expect(await workersHolding(prefix)).toEqual([]);
  const ran = (await outcomesOf(batch_id)).filter(({ attempts }) => attempts.length > 0);
  expect(ran).toHaveLength(200);
  const lastSeen = Math.max(...simulator.requests().map(({ ended_at }) => Date.parse(ended_at ?? '')));
  const said: string[] = [];
  for (const outcome of ran) {
    if (outcome.status !== 'cancelled') throw new Error(`task ${outcome.index} is ${outcome.status}`);
    const { requested_at, call_closed_at = 'never', partial } = outcome;
    expect(Date.parse(call_closed_at)).toBeGreaterThanOrEqual(Date.parse(requested_at));
    expect(Date.parse(call_closed_at)).toBeLessThan(lastSeen + pace.allow(500));
    // A busy worker may be cancelled before it has read the first words.
    if (partial) said.push(partial.text);
  }
  expect(said.length).toBeGreaterThan(0);
  for (const text of said) expect(text).toMatch(/\w/);
});

test.each([
  ['anthropic', { input_tokens: 77 }],
  ['local', undefined],
])('the outcome of a cancelled task on %s says what is billed and what was written', async (provider, told) => {
  const { producer, startWorker, simulator, outcomesOf } = await aDeployment();
  await startWorker();
  const { batch_id } = await producer.enqueue({
    tasks: [
      {
        goal: 'Two turns [[sim: tool=write_file args={"path":"a.txt","content":"kept"}]] [[sim: turn=2 hang=stream after=2 input_tokens=77]]',
        provider,
        toolsets: ['workspace'],
      },
    ],
  });
  await expect.poll(() => simulator.requests().find(({ turn }) => turn === 2)?.status).toBe(200);
  await producer.cancel(`${batch_id}-0`, 'enough');
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({
    status: 'cancelled',
    reason: 'enough',
    requested_at: expect.any(String),
    call_closed_at: expect.any(String),
    turns: 1,
    partial: { files: [{ path: 'a.txt', text: 'kept' }] },
  });
  expect(outcome?.usage.output_tokens).toBeGreaterThan(0);
  if (told) expect(outcome).toMatchObject({ call_usage: told });
  else expect(outcome).not.toHaveProperty('call_usage');
});

test('a cancel flag without a message is found when the turn is recorded', async () => {
  const { producer, startWorker, simulator, outcomesOf, prefix } = await aDeployment();
  await startWorker();
  const started = requestsIn(simulator, 'received', 1);
  const { batch_id } = await producer.enqueue({
    goal: 'Two turns [[sim: tool=list_files args={} latency_ms=3000]] [[sim: text="done"]]',
    provider: 'local',
    toolsets: ['workspace'],
  });
  await started;
  const flag = { reason: 'wrong month', requested_at: isoNow() };
  await givenIn(prefix).cancelled(batch_id, flag);
  await producer.settled(batch_id);
  const [outcome] = await outcomesOf(batch_id);
  expect(outcome).toMatchObject({ status: 'cancelled', ...flag, turns: 1 });
  expect(outcome).not.toHaveProperty('call_closed_at');
  expect(simulator.requests()).toHaveLength(1);
});

test('2,000 waiting tasks drain in view, and no other client of Redis is held up', async () => {
  const { producer, startWorker, simulator } = await aDeployment();
  const tasks = Array.from({ length: 2_000 }, (_, at) => ({ goal: `Never started, task ${at}`, provider: 'local' }));
  const { batch_id } = await producer.enqueue({ tasks });
  await producer.cancel(batch_id, 'changed my mind');
  const pace = watchSlowness();
  const seen = new Set<number>();
  const over = new AbortController();
  const watching = (async () => {
    const other = openRedis();
    let worstMs = 0;
    while (!over.signal.aborted) {
      const askedAt = monotonicMs();
      await other.ping();
      worstMs = Math.max(worstMs, monotonicMs() - askedAt);
      seen.add((await producer.status(batch_id)).ended);
      await sleep(5);
    }
    return worstMs;
  })();
  const startedAt = monotonicMs();
  await startWorker();
  const { counts } = await producer.settled(batch_id);
  const settledMs = monotonicMs() - startedAt;
  over.abort();
  const worstMs = await watching;
  console.log(
    `cancel of 2,000 waiting tasks: settled in ${Math.round(settledMs)} ms, worst ping ${Math.round(worstMs)} ms`,
  );
  expect(counts.cancelled).toBe(2_000);
  expect(simulator.requests()).toEqual([]);
  expect(seen.size).toBeGreaterThan(10);
  expect(worstMs).toBeLessThan(pace.allow(500));
});

test('a cancel wakes tasks that are deferred, retried later or parked', async () => {
  const { producer, startWorker, outcomesOf } = await aDeployment({ settings: { tasks: { backoff_ms: 600_000 } } });
  const tasks = [
    { goal: 'Deferred for an hour [[sim: status=429 retry_after=3600]]', provider: 'openai' },
    { goal: 'Tried again in ten minutes [[sim: status=500]]', provider: 'anthropic' },
  ];
  const { batch_id } = await producer.enqueue({ tasks });
  const { promise: bothRest, resolve } = Promise.withResolvers<void>();
  const ended = new Set<number>();
  const stop = await producer.onEvent(batch_id, (event) => {
    if (event.event === 'attempt_ended' && ended.add(event.index).size === 2) resolve();
  });
  await startWorker();
  await bothRest;
  await stop();
  await producer.cancel(batch_id, 'not today');
  expect((await producer.settled(batch_id, { signal: AbortSignal.timeout(60_000) })).counts.cancelled).toBe(2);
  const ends = (await outcomesOf(batch_id)).map(({ attempts }) => attempts.map((attempt) => attempt.ended));
  expect(ends).toEqual([['deferred'], ['failed']]);
});

test.each<[string, string, string, MomentName]>([
  ['deferred', 'releases what it held', 'status=429 retry_after=3600', 'releasing'],
  ['deferred', 'has not told the queue yet', 'status=429 retry_after=3600', 'telling_queue'],
  ['failed', 'releases what it held', 'status=500', 'releasing'],
  ['failed', 'has not told the queue yet', 'status=500', 'telling_queue'],
])('cancel while a %s attempt %s: its task ends as cancelled', async (ended, _when, fault, moment) => {
  const deployment = await aDeployment({ settings: { tasks: { backoff_ms: 600_000 } } });
  const { producer, outcomesOf } = deployment;
  const worker = await startStoppingWorker(deployment, moment);
  const { batch_id } = await producer.enqueue({ goal: `Turned away [[sim: ${fault}]]`, provider: 'local' });
  await worker.stoppedAt(moment);
  await producer.cancel(batch_id, 'not today');
  worker.goOn();
  expect((await producer.settled(batch_id, { signal: AbortSignal.timeout(60_000) })).counts.cancelled).toBe(1);
  expect(await outcomesOf(batch_id)).toMatchObject([{ reason: 'not today', attempts: [{ ended }] }]);
});
