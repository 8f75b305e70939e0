import { once } from 'node:events';
import { FlowProducer, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { newBatchId, taskIdOf } from '../../src/base/ids.ts';
import { BATCH_QUEUE, laneOf } from '../../src/queue/names.ts';

/** What the failed task of the sample says of itself. */
export const FAILED_REASON =
  'CREDENTIAL_MISSING: provider "acme" has no credential; set ACME_API_KEY | cleaned up: 2 of 2 released (credential_lease, client)';

/** A batch of three tasks in Redis: 0 done, 1 failed and 2 waiting, each where a board looks for it. */
export type SampleBatch = { batchId: string; taskIds: [string, string, string] };

/** What to put into the sample where a secret might stray. */
export type SampleText = { data?: string; failure?: string; log?: string };

/** Adds the sample to the lanes `openai` and `acme` and runs its first two tasks with real workers. */
export async function addSampleBatch(redisUrl: string, prefix: string, text: SampleText = {}): Promise<SampleBatch> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const flow = new FlowProducer({ connection, prefix });
  const batchId = newBatchId();
  const taskIds: SampleBatch['taskIds'] = [taskIdOf(batchId, 0), taskIdOf(batchId, 1), taskIdOf(batchId, 2)];
  const task = (index: 0 | 1 | 2, lane: string, model: string) => ({
    name: `Release notes #${index} · ${lane}/${model} · high`,
    queueName: laneOf(lane),
    data: { version: 1, batch_id: batchId, index, task: { goal: `Summarise part ${index}. ${text.data ?? ''}` } },
    opts: { jobId: taskIds[index], ignoreDependencyOnFailure: true, attempts: 1 },
  });
  await flow.add({
    name: 'Release notes · 3 tasks',
    queueName: BATCH_QUEUE,
    data: { version: 1, name: 'Release notes' },
    opts: { jobId: batchId },
    children: [task(0, 'openai', 'gpt-5'), task(1, 'acme', 'claude-opus-4'), task(2, 'slow', 'gpt-5-mini')],
  });
  await runOne(connection, prefix, 'openai', async () => ({ status: 'succeeded', turns: 2 }));
  await runOne(connection, prefix, 'acme', async (job) => {
    await job.log(`attempt 1 of ${job.id} ${text.log ?? ''}`);
    throw new UnrecoverableError(`${FAILED_REASON}${text.failure ?? ''}`);
  });
  await flow.close();
  connection.disconnect();
  return { batchId, taskIds };
}

type Processor = ConstructorParameters<typeof Worker>[1];

async function runOne(connection: Redis, prefix: string, lane: string, processor: Processor): Promise<void> {
  const worker = new Worker(laneOf(lane), processor, { connection, prefix, autorun: false });
  const ended = Promise.race([once(worker, 'completed'), once(worker, 'failed')]);
  const running = worker.run();
  await ended;
  await worker.close();
  await running;
}
