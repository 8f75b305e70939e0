import { DelayedError, type Job, Queue, WaitingError, Worker } from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isoNow } from '../../src/base/clock.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { CleanupRecord } from '../../src/contract/cleanup.ts';
import { failureOf } from '../../src/contract/failure.ts';
import type { Outcome } from '../../src/contract/outcome.ts';
import { NO_USAGE } from '../../src/contract/usage.ts';
import { ErrandError } from '../../src/errors.ts';
import { applyMove, lineOf, type Move } from '../../src/queue/verdict.ts';
import { freshPrefix, redisUrl } from '../helpers/redis.ts';
import { aWitness } from '../helpers/witness.ts';

const connection = { url: redisUrl(), maxRetriesPerRequest: null };
const LANE = 'tasks-openai';
const LINE = 'PROVIDER_RATE_LIMITED: the provider answered 429';

function openLane() {
  const prefix = freshPrefix();
  const lane = new Queue(LANE, { connection, prefix });
  onTestFinished(() => lane.close());
  const add = (jobId: string, opts: object = {}) => lane.add(jobId, {}, { jobId, attempts: 3, keepLogs: 3, ...opts });
  const logs = async (jobId: string) => (await lane.getJobLogs(jobId)).logs;
  return { prefix, lane, add, logs };
}

/** Takes one job for each move and moves it as a BullMQ worker would; names the jobs in the order they came. */
async function run(prefix: string, moves: Move[], isCancelled = false): Promise<string[]> {
  const order: string[] = [];
  const worker = new Worker(LANE, null, { connection, prefix, drainDelay: 1 });
  for (const move of moves) {
    let job: Job | undefined;
    while (!job) job = await worker.getNextJob('token'); // it answers also when a delayed job is merely in sight
    order.push(job.name);
    await end(move, job, isCancelled);
  }
  await worker.close();
  return order;
}

async function end(move: Move, job: Job, isCancelled = false): Promise<void> {
  try {
    const running = { job, token: 'token', isCancelled: async () => isCancelled, observer: aWitness() };
    await job.moveToCompleted(await applyMove(move, running), 'token', false);
  } catch (error) {
    if (error instanceof DelayedError || error instanceof WaitingError) return;
    if (error instanceof Error) await job.moveToFailed(error, 'token', false);
  }
}

function outcomeOf(ending: 'succeeded' | 'failed', attempts: number): Outcome {
  const at = isoNow();
  const cleanup: CleanupRecord = {
    version: 1,
    open: 0,
    steps: [
      {
        row: '1.client.1',
        kind: 'client',
        ref: 'api.openai.com',
        status: 'released',
        evidence: 'verified',
        actor: 'owner',
        detail: 'closed',
        duration_ms: 1,
        released_at: at,
      },
    ],
  };
  const common = {
    version: 1,
    batch_id: 'b0',
    task_id: 'b0-0',
    index: 0,
    route: null,
    attempts: Array.from({ length: attempts }, (_, position) => ({
      epoch: position + 1,
      worker: 'w',
      turns_before: 0,
      started_at: at,
    })),
    turns: 1,
    tool_calls: 0,
    usage: NO_USAGE,
    cost_usd: null,
    calls_possibly_paid_twice: 0,
    duration_ms: 1,
    ended_at: at,
    cleanup,
  } as const satisfies Partial<Outcome>;
  if (ending === 'succeeded') return { ...common, status: ending, answer: { text: 'done', files: [] } };
  const error = new ErrandError('CREDENTIAL_REJECTED', 'the provider answered 401');
  return { ...common, status: ending, failure: failureOf(error, new Redactor()) };
}

test('a task that is handed back goes before new tasks, however urgent they are', async () => {
  const { prefix, add } = openLane();
  await add('started', { priority: 1_000 });
  const worker = new Worker(LANE, null, { connection, prefix });
  const job = await worker.getNextJob('token');
  if (!job) return expect.fail('no job waits');
  await add('urgent', { priority: 1 });
  await add('usual', { priority: 1_000 });
  await end({ next: 'requeue', line: 'ATTEMPT_DRAINED: the worker is going away' }, job);
  await worker.close();
  const succeeded: Move = { next: 'ended', outcome: outcomeOf('succeeded', 1) };
  expect(await run(prefix, [succeeded, succeeded, succeeded])).toEqual(['started', 'urgent', 'usual']);
});

test.each<Move>([
  { next: 'retry', line: LINE },
  { next: 'defer', line: LINE, delayMs: 3_600_000 },
  { next: 'park', delayMs: 3_600_000 },
])('a task with the verdict $next waits for its time, or comes back if cancelled', async (move) => {
  const { prefix, lane, add } = openLane();
  const backoff = { type: 'exponential', delay: 3_600_000 };
  await add('cancelled', { backoff });
  await run(prefix, [move], true);
  expect(await lane.getJobState('cancelled')).toBe('waiting');
  await lane.obliterate();
  await add('wanted', { backoff });
  await run(prefix, [move]);
  expect(await lane.getJobState('wanted')).toBe('delayed');
});

test('the log of a task has a line for each attempt and for the cleanup at its end', async () => {
  const { prefix, add, logs } = openLane();
  await add('told', { keepLogs: 100, backoff: 0 });
  await run(prefix, [
    { next: 'defer', line: LINE, delayMs: 20 },
    { next: 'requeue', line: 'ATTEMPT_DRAINED: the worker is going away' },
    { next: 'retry', line: 'PROVIDER_FAILED: the provider answered 500' },
    { next: 'ended', outcome: outcomeOf('failed', 4) },
  ]);
  const told = await logs('told');
  expect(told.map((line) => line.slice(line.indexOf(' ') + 1))).toEqual([
    `deferred for 0.0 s: ${LINE}`,
    'handed back: ATTEMPT_DRAINED: the worker is going away',
    'to be retried: PROVIDER_FAILED: the provider answered 500',
    'failed: CREDENTIAL_REJECTED: the provider answered 401 | cleaned up: 1 released (client)',
  ]);
  expect(told.every((line) => !Number.isNaN(Date.parse(line.split(' ')[0] ?? '')))).toBe(true);
});

test('the log of a task keeps its last lines, and a long failure is cut', async () => {
  const { prefix, add, logs } = openLane();
  await add('long', { keepLogs: 3 });
  const deferred = (line: string): Move => ({ next: 'defer', line, delayMs: 1 });
  await run(prefix, [...['1', '2', '3'].map(deferred), deferred('x'.repeat(10_000))]);
  const told = await logs('long');
  expect(told.map((line) => line.at(-1))).toEqual(['2', '3', '…']);
  expect(told.at(-1)?.length).toBeLessThan(700);
});

test('a success writes a log line only after the first attempt', async () => {
  const { prefix, add, logs } = openLane();
  await add('smooth');
  await run(prefix, [{ next: 'ended', outcome: outcomeOf('succeeded', 1) }]);
  expect(await logs('smooth')).toEqual([]);
  await add('rough');
  await run(prefix, [{ next: 'ended', outcome: outcomeOf('succeeded', 3) }]);
  expect(await logs('rough')).toEqual([expect.stringContaining('succeeded at attempt 3')]);
});

describe('the line of a failed task names the keys that it used', () => {
  const failed = outcomeOf('failed', 1);
  if (failed.status !== 'failed') throw new Error('expected a failed task');
  const [step] = failed.cleanup.steps;
  const using = (...refs: string[]) => {
    const leases = refs.map((ref) => ({ ...step, kind: 'credential_lease', ref }) as CleanupRecord['steps'][number]);
    return { ...failed, cleanup: { ...failed.cleanup, steps: leases } };
  };

  test('each once', () => {
    const line = lineOf(using('env:ONE', 'env:ONE', 'file:/run/two'));
    expect(line).toContain('answered 401 | key: env:ONE, file:/run/two | cleaned up: 3 released');
  });

  test('unless its message names it', () => {
    const failure = { ...failed.failure, message: 'openai refused the key env:ONE' };
    expect(lineOf({ ...using('env:ONE'), failure })).toContain('the key env:ONE | cleaned up: 1 released');
  });

  test('unless it used none', () => {
    expect(lineOf(using('none'))).not.toContain('key');
    expect(lineOf(using())).not.toContain('key');
  });
});
