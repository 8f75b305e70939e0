import { UnrecoverableError, Worker } from 'bullmq';
import { laneOf } from '../../src/queue/names.ts';
import { redisUrl } from './redis.ts';

/** Ends the next job of a lane as the queue ends a job that it gives up: failed, and without an outcome. */
export async function giveUpNext(prefix: string, provider: string): Promise<void> {
  const connection = { url: redisUrl(), maxRetriesPerRequest: null };
  const queue = new Worker(laneOf(provider), null, { connection, prefix });
  const job = await queue.getNextJob('token');
  if (!job) throw new Error(`no job waits in the lane of ${provider}`);
  await job.moveToFailed(new UnrecoverableError('job stalled more than allowable limit'), 'token', false);
  await queue.close();
}
