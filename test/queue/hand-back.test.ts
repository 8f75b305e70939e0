import { Queue, Worker } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { HandBack } from '../../src/queue/hand-back.ts';
import { BATCH_QUEUE, GATE_QUEUE, laneOf } from '../../src/queue/names.ts';
import { freshPrefix, openRedis, redisUrl } from '../helpers/redis.ts';

const LANE = laneOf('local');

async function aQueue(name: string, prefix: string) {
  const connection = { url: redisUrl(), maxRetriesPerRequest: null };
  const queue = new Queue(name, { connection, prefix });
  const worker = new Worker(name, null, { connection, prefix, name: 'w' });
  onTestFinished(async () => {
    await Promise.all([worker.close(), queue.close()]);
  });
  /** Adds a job and takes it with a token, as a worker with that id does. */
  const taken = async (jobId: string, token: string) => {
    await queue.add('job', {}, { jobId, priority: 3 });
    expect((await worker.getNextJob(token))?.id).toBe(jobId);
  };
  return { queue, worker, taken, stateOf: (jobId: string) => queue.getJobState(jobId) };
}

async function aHandBack() {
  const prefix = freshPrefix();
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const handBack = new HandBack({ redis: openRedis(), prefix, providers: ['local'], onError });
  onTestFinished(() => handBack.close());
  return { prefix, handBack, errors };
}

test.each([LANE, BATCH_QUEUE, GATE_QUEUE])(
  'jobs of a dead taker go back to %s, ahead of others; no other job moves',
  async (name) => {
    const { prefix, handBack, errors } = await aHandBack();
    const { queue, taken, stateOf } = await aQueue(name, prefix);
    await taken('a', 'dead:0');
    await taken('b', 'alive:0');
    await taken('c', 'dead:1');
    await taken('d', 'dead2:0');
    await queue.add('job', {}, { jobId: 'e', priority: 1 });
    const moved = await handBack.jobsOfTakers({ [name]: 'dead', 'tasks-nobody': 'dead' }, 'w.1: its process has ended');
    expect(moved.toSorted()).toEqual(['a', 'c']);
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(stateOf))).toEqual(['waiting', 'active', 'waiting', 'active']);
    expect((await queue.getJobLogs('a')).logs).toEqual([
      expect.stringMatching(/handed back: w\.1: its process has ended$/),
    ]);
    expect((await queue.getJob('a'))?.attemptsMade).toBe(0);
    expect(await queue.getJobCountByTypes('wait')).toBe(2);
    expect(await handBack.jobsOfTakers({ [name]: 'dead' }, 'again')).toEqual([]);
    expect(errors).toEqual([]);
  },
);

test('a job that a new owner has taken meanwhile is left to it', async () => {
  const { prefix, handBack, errors } = await aHandBack();
  const { taken, worker, queue, stateOf } = await aQueue(LANE, prefix);
  await taken('a', 'dead:0');
  const takenMs = (await queue.getJob('a'))?.processedOn ?? 0;
  await (await queue.getJob('a'))?.moveToWait('dead:0');
  expect((await worker.getNextJob('heir:0'))?.id).toBe('a');
  expect(await handBack.jobsOfTakers({ [LANE]: 'dead' }, 'x')).toEqual([]);
  const heirMs = (await queue.getJob('a'))?.processedOn ?? 0;
  const isLater = heirMs > takenMs;
  const attempts = [{ taskId: 'a', intentMs: isLater ? takenMs : takenMs - 1 }];
  expect(await handBack.jobsOfAttempts('w', attempts, 'x')).toEqual([]);
  expect(await handBack.jobsOfAttempts('another', [{ taskId: 'a', intentMs: heirMs }], 'x')).toEqual([]);
  expect(await stateOf('a')).toBe('active');
  expect(await handBack.jobsOfAttempts('w', [{ taskId: 'a', intentMs: heirMs }], 'x')).toEqual(['a']);
  expect(errors).toEqual([]);
});
