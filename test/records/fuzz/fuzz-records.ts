import { join } from 'node:path';
import { Redis } from 'ioredis';
import { monotonicMs, sleep } from '../../../src/base/clock.ts';
import { taskIdOf } from '../../../src/base/ids.ts';
import type { BatchInput } from '../../../src/contract/batch.ts';
import { Keys } from '../../../src/records/keys.ts';
import type { WorkerOptions } from '../../fuzz/worker/fuzz-worker.ts';
import { GOOD, PREFIX, Stage } from '../../fuzz/worker/stage.ts';
import { Random } from '../../storm/random.ts';
import { Canaries } from './canaries.ts';
import { hostileFields } from './fields.ts';
import { Forger } from './forger.ts';

/** The result of a run. */
export type RecordsReport = {
  rounds: number;
  /** How many fields schemas and other places have, and how many of them were set at least once. */
  fields: { declared: number; set: number };
  good: number;
  problems: string[];
  seconds: number;
};

/** Fields that are set in each round. */
const FIELDS_EACH = 64;
const ROWS_EACH = 6;
/** How long the worker gets at the end to act on the last forged rows. */
const SWEPT_WITHIN_MS = 15_000;
/** The worker and its peer. */
const WORKERS = 2;
const REGISTERED_WITHIN_MS = 30_000;
const SETTLE_WITHIN_MS = 90_000;

function batchOf(name: string, latencyMs: number): BatchInput {
  const tasks = Object.keys(GOOD).map((provider) => {
    const call = `[[sim: tool=write_file args=${JSON.stringify({ path: 'a.txt', content: name })}]]`;
    return { goal: `${call} [[sim: text="done" latency_ms=${latencyMs}]]`, provider, toolsets: ['workspace' as const] };
  });
  return { name, tasks };
}

/** Checks that every task of another batch succeeds. */
async function othersSucceed(stage: Stage, round: number): Promise<string[]> {
  const { batch_id: id } = await stage.producer.enqueue(batchOf(`good ${round}`, 0));
  try {
    const { counts } = await stage.producer.settled(id, { signal: AbortSignal.timeout(SETTLE_WITHIN_MS) });
    const total = Object.keys(GOOD).length;
    return counts.succeeded === total ? [] : [`${total - counts.succeeded} tasks of another batch did not succeed`];
  } catch (error) {
    return [`another batch did not settle: ${error}`];
  }
}

/** Resolves once so many workers are on record, before anything is forged. */
async function registered(redis: Redis, workers: number): Promise<void> {
  const deadlineMs = monotonicMs() + REGISTERED_WITHIN_MS;
  while ((await redis.hlen(new Keys(PREFIX).workers())) < workers) {
    if (monotonicMs() > deadlineMs) throw new Error(`fewer than ${workers} workers have registered`);
    await sleep(50);
  }
}

/** Forges records, jobs and ledger rows of a running worker until the time is over, or until the worker does harm. */
export async function fuzzRecords({ tree, seed, durationMs, tell }: WorkerOptions): Promise<RecordsReport> {
  const startedMs = monotonicMs();
  const random = new Random(`${seed}/records`);
  const stage = await Stage.open(seed, tree, { hasPeer: true });
  const redis = new Redis(stage.redisUrl);
  const canaries = await Canaries.place(stage.dir, join(stage.dir, 'workspaces'), redis);
  const fields = hostileFields(canaries, stage.workerPid);
  const pids = [canaries.pid, stage.workerPid, stage.peerPid];
  const deployment = { prefix: PREFIX, workspaceRoot: join(stage.dir, 'workspaces') };
  const forger = new Forger(redis, deployment, { random, fields, pids });
  const problems: string[] = [];
  let rounds = 0;
  try {
    await registered(redis, WORKERS);
    while (problems.length === 0 && monotonicMs() - startedMs < durationMs) {
      rounds++;
      const { batch_id: id } = await stage.producer.enqueue(batchOf(`victim ${rounds}`, 400));
      await sleep(random.whole(0, 300));
      const instances = await forger.living();
      const done: string[] = [];
      for (let field = 0; field < FIELDS_EACH; field++) {
        const index = field % Object.keys(GOOD).length;
        const instance = instances[random.whole(0, instances.length - 1)] ?? '';
        const provider = Object.keys(GOOD)[index] ?? '';
        done.push(await forger.forgeNext({ batchId: id, taskId: taskIdOf(id, index), index, provider, instance }));
      }
      for (let row = 0; row < ROWS_EACH; row++) done.push(await forger.addRow(taskIdOf(id, random.whole(0, 3))));
      problems.push(...(await othersSucceed(stage, rounds)), ...(await canaries.harm()));
      if (!(await stage.isReady())) problems.push('the worker is not ready');
      if (problems.length > 0) for (const line of done) tell(line);
      await stage.producer.cancel(id).catch(() => 'unreadable');
    }
    for (const endMs = monotonicMs() + SWEPT_WITHIN_MS; problems.length === 0 && monotonicMs() < endMs; ) {
      await sleep(500);
      problems.push(...(await canaries.harm()));
    }
    return {
      rounds,
      fields: { declared: forger.declared, set: forger.forged.size },
      good: rounds * Object.keys(GOOD).length,
      problems,
      seconds: Math.round((monotonicMs() - startedMs) / 1000),
    };
  } finally {
    redis.disconnect();
    await canaries.remove();
    await stage.close({ isKept: problems.length > 0 });
    if (problems.length > 0) tell(`the log of the worker is kept in ${stage.dir}`);
  }
}
