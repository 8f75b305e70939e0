import { monotonicMs, sleep } from '../../src/base/clock.ts';
import { Random } from '../storm/random.ts';
import { type Audit, auditBatch, type Enqueued, emptyAudit, type Readers } from './audit.ts';
import { openStage, type Stage } from './stage.ts';
import { EARLIER, PRESENT, type Tree, treeOf } from './tree.ts';
import type { WorkerProcess } from './worker-process.ts';
import { batchOf } from './workload.ts';

/** Workers at any time, of either version. */
const SLOTS = 3;
/** The maximum number of running batches: more would pile up in front of three workers. */
const MAX_UNSETTLED = 5;
const SETTLE_WITHIN_MS = 120_000;

export type RollingOptions = { rounds: number; seed: number; tell: (line: string) => void };

/** The result of a run. `to_present` and `to_earlier` count the workers that were replaced by a worker of that version. */
export type RollingReport = Audit & {
  seed: number;
  seconds: number;
  batches: number;
  to_present: number;
  to_earlier: number;
  kills: number;
  cancels: number;
  stubborn: number;
};

type Run = {
  stage: Stage;
  random: Random;
  trees: [Tree, Tree];
  slots: WorkerProcess[];
  readers: Readers;
  audit: Audit;
  /** The names of the workers that were killed. */
  killed: Set<string>;
  tell: (line: string) => void;
};

/**
 * Replaces workers of an earlier version by workers of this tree and the reverse, one in each round, while producers of both
 * versions enqueue and cancel batches. Then reads all batches with both versions.
 */
export async function runRolling({ rounds, seed, tell }: RollingOptions): Promise<RollingReport> {
  const startedMs = monotonicMs();
  const stage = await openStage();
  let isKept = true;
  try {
    const trees: [Tree, Tree] = [await treeOf(EARLIER, `${stage.dir}/earlier`), PRESENT];
    const run = await prepare(stage, trees, new Random(`${seed}/rolling`), tell);
    const counts = { batches: 0, to_present: 0, to_earlier: 0, kills: 0, cancels: 0, stubborn: 0 };
    const unsettled: Enqueued[] = [];
    for (let round = 0; round < rounds; round++) {
      const batch = await enqueue(run, round);
      unsettled.push(batch);
      counts.batches++;
      const cancelling = batch.isCancelled ? cancelSoon(run, batch, round) : Promise.resolve();
      if (batch.isCancelled) counts.cancels++;
      await roll(run, round, counts);
      await cancelling;
      while (unsettled.length > MAX_UNSETTLED) await finish(run, unsettled.shift());
      if ((round + 1) % 20 === 0) tell(`${round + 1} of ${rounds} rounds: ${JSON.stringify(run.audit)}`);
    }
    for (const batch of unsettled) await finish(run, batch);
    const report = { seed, seconds: Math.round((monotonicMs() - startedMs) / 1000), ...counts, ...run.audit };
    isKept = faultsIn(report).length > 0;
    if (isKept) tell(`the logs of the workers are in ${stage.dir}`);
    return report;
  } finally {
    await stage.close({ isKept });
  }
}

/** The numbers of a report that must be 0 and are not. */
export function faultsIn(report: RollingReport): string[] {
  const { lost, unreadable, task_invalid, failed, different, wrong_answers, stubborn } = report;
  const faults = { lost, unreadable, task_invalid, failed, different, wrong_answers, stubborn };
  return Object.entries(faults).flatMap(([name, count]) => (count === 0 ? [] : [`${name} ${count}`]));
}

async function prepare(stage: Stage, trees: [Tree, Tree], random: Random, tell: Run['tell']): Promise<Run> {
  const [earlier, present] = await Promise.all(trees.map((tree) => stage.startProducer(tree)));
  if (!earlier || !present) throw new Error('no producers');
  const slots: WorkerProcess[] = [];
  for (let slot = 0; slot < SLOTS; slot++) slots.push(await stage.startWorker(trees[slot % 2 === 0 ? 0 : 1]));
  return { stage, random, trees, slots, readers: { earlier, present }, audit: emptyAudit(), killed: new Set(), tell };
}

/** Producers of the two versions take turns. */
async function enqueue({ random, readers }: Run, number: number): Promise<Enqueued> {
  const batch = batchOf(random, number);
  const producer = number % 2 === 0 ? readers.earlier : readers.present;
  const { batch_id: batchId } = await producer.enqueue(batch.input);
  return { ...batch, batchId, number };
}

/** The producer of the other version cancels. */
async function cancelSoon({ random, readers, tell }: Run, { batchId }: Enqueued, number: number): Promise<void> {
  await sleep(random.whole(50, 800));
  const producer = number % 2 === 0 ? readers.present : readers.earlier;
  await producer.cancel(batchId).catch((error) => tell(`cancel of batch ${number}: ${error}`));
}

/** Replaces the worker of one slot by a worker of the other version, before or after it has stopped. Sometimes kills it. */
async function roll(
  { stage, random, trees: [earlier, present], slots, killed }: Run,
  round: number,
  counts: { to_present: number; to_earlier: number; kills: number; stubborn: number },
): Promise<void> {
  const slot = round % SLOTS;
  const old = slots[slot];
  if (!old) return;
  const next = old.tree.name === 'earlier' ? present : earlier;
  counts[next.name === 'present' ? 'to_present' : 'to_earlier']++;
  const isKilled = random.chance(0.1);
  const end = async () => {
    if (!isKilled) counts.stubborn += (await old.drain()) ? 0 : 1;
    else {
      counts.kills++;
      killed.add(old.name);
      await old.kill();
    }
  };
  if (random.chance(0.5)) {
    slots[slot] = await stage.startWorker(next);
    await end();
  } else [slots[slot]] = await Promise.all([stage.startWorker(next), end()]);
}

async function finish(run: Run, batch: Enqueued | undefined): Promise<void> {
  const { readers, audit, tell } = run;
  if (!batch) return;
  const over = new AbortController();
  const late = sleep(SETTLE_WITHIN_MS, over.signal).then(() => {
    throw new Error(`batch ${batch.number} has not settled within ${SETTLE_WITHIN_MS} ms`);
  });
  try {
    await Promise.race([readers.present.settled(batch.batchId), late]);
    await auditBatch(batch, run);
  } catch (error) {
    audit.lost += batch.input.tasks.length;
    tell(`batch ${batch.number}: ${error}; ${JSON.stringify(await readers.present.status(batch.batchId))}`);
  } finally {
    over.abort();
  }
}
