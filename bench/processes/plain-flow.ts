import { Worker } from 'bullmq';
import { BATCH_QUEUE, LANE, PLAIN_PREFIX } from '../queues.ts';
import { createCall } from './call.ts';
import { serve, surroundings } from './serve.ts';

const around = surroundings();
const call = await createCall(around);
const options = {
  connection: { url: around.redisUrl, maxRetriesPerRequest: null },
  prefix: PLAIN_PREFIX[around.caller],
};
const tasks = new Worker<{ goal: string }>(
  LANE,
  async (job, _token, signal) => ({ text: await call(job.data.goal, signal) }),
  {
    ...options,
    concurrency: around.concurrency,
  },
);
const batches = new Worker(BATCH_QUEUE, async (job) => Object.keys(await job.getChildrenValues()).length, options);
await Promise.all([tasks.waitUntilReady(), batches.waitUntilReady()]);
serve('ready');
