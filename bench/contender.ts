import { FlowProducer, Job, Queue, QueueEvents } from 'bullmq';
import { composeProducer } from '../src/app/compose-producer.ts';
import { loadConfig } from '../src/app/config.ts';
import { secretsIn } from '../src/credentials/secrets.ts';
import type { Child } from './child.ts';
import { errandSettings, SHIPPED_FLAGS } from './errand-settings.ts';
import type { Surroundings } from './protocol.ts';
import { BATCH_QUEUE, ERRAND_PREFIX, LANE, PLAIN_PREFIX } from './queues.ts';
import type { Stage } from './stage.ts';

/** One way to work through many goals. */
export type Contender = {
  process: Child;
  /** Enqueues the goals without starting them. */
  prepare: (goals: string[]) => Promise<void>;
  /** Starts the work; resolves when all of it has ended. Only this is timed. */
  run: () => Promise<void>;
  close: () => Promise<void>;
};

/** Errand: a producer here, a worker with everything switched on there. */
export async function openErrand(stage: Stage, concurrency: number): Promise<Contender> {
  const settings = { ...errandSettings(stage.simulatorUrl, concurrency), redis_url: stage.redisUrl };
  const producer = composeProducer(loadConfig({}, settings), secretsIn({}));
  const add = async (goals: string[]) => {
    const tasks = goals.map((goal) => ({ goal, provider: 'openai', reasoning_effort: 'low' as const }));
    return (await producer.enqueue({ name: 'bench', tasks })).batch_id;
  };
  const around = surroundingsOf(stage, concurrency, null);
  const start = () => stage.start('errand', around, SHIPPED_FLAGS);
  return openFlow(around, { prefix: ERRAND_PREFIX, start, add, close: () => producer.close() });
}

/** A plain BullMQ flow whose processor makes the same call, by the unchanged SDK or by Errand's own model. */
export async function openPlainFlow(
  stage: Stage,
  concurrency: number,
  { request, caller }: Pick<Surroundings, 'request' | 'caller'>,
): Promise<Contender> {
  const prefix = PLAIN_PREFIX[caller];
  const flow = new FlowProducer({ connection: { url: stage.redisUrl }, prefix });
  const add = async (goals: string[]) => {
    const opts = { ignoreDependencyOnFailure: true };
    const children = goals.map((goal) => ({ name: 'task', queueName: LANE, data: { goal }, opts }));
    const { job } = await flow.add({ name: 'bench', queueName: BATCH_QUEUE, children });
    return job.id ?? '';
  };
  const around = { ...surroundingsOf(stage, concurrency, request), caller };
  const start = () => stage.start('plain-flow', around);
  return openFlow(around, { prefix, start, add, close: () => flow.close() });
}

/** A pool of promises in one process: no queue, no Redis, no records. */
export async function openPool(
  stage: Stage,
  concurrency: number,
  request: Record<string, unknown>,
): Promise<Contender> {
  const process = await stage.start('pool', surroundingsOf(stage, concurrency, request));
  let waiting: string[] = [];
  return {
    process,
    prepare: async (goals) => {
      waiting = goals;
    },
    run: () => process.run(waiting),
    close: () => process.stop(),
  };
}

function surroundingsOf(
  { redisUrl, simulatorUrl }: Stage,
  concurrency: number,
  request: Surroundings['request'],
): Surroundings {
  return { redisUrl, simulatorUrl, concurrency, request, caller: 'sdk' };
}

type Flow = {
  prefix: string;
  /** Starts its worker. */
  start: () => Promise<Child>;
  /** Enqueues the goals and returns the id of the job that ends with them. */
  add: (goals: string[]) => Promise<string>;
  close: () => Promise<void>;
};

/** Both flows wait in a paused lane, start when it resumes, and end with their parent job, so both are timed alike. */
async function openFlow(around: Surroundings, { prefix, start, add, close }: Flow): Promise<Contender> {
  const options = { connection: { url: around.redisUrl, maxRetriesPerRequest: null }, prefix };
  const lane = new Queue(LANE, options);
  const batches = new Queue(BATCH_QUEUE, options);
  const events = new QueueEvents(BATCH_QUEUE, options);
  await events.waitUntilReady();
  const process = await start();
  let batchId = '';
  return {
    process,
    prepare: async (goals) => {
      await lane.pause();
      batchId = await add(goals);
    },
    run: async () => {
      const job = await Job.fromId(batches, batchId);
      await lane.resume();
      await job?.waitUntilFinished(events);
    },
    close: async () => {
      await process.stop();
      await Promise.all([events.close(), lane.close(), batches.close(), close()]);
    },
  };
}
