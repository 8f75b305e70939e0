import { join } from 'node:path';
import type { Outcome } from '../../src/contract/outcome.ts';
import { effectsIn } from '../../test/storm/effects.ts';
import { awaitClosedRows } from '../../test/storm/leftovers.ts';
import { type KillTask, markIn, TASKS_A_ROUND, tasksOf } from './kill-tasks.ts';
import { Payments } from './payments.ts';
import { ProcessWatch, taggedProcesses } from './process-watch.ts';
import { PREFIX, type Stage } from './stage.ts';

const KILLS = 20;
const SETTLE_WITHIN_MS = 60_000;
const CLOSE_WITHIN_MS = 30_000;
/** What a child is told of a call whose end no attempt saw. */
const TOLD = 'Outcome unknown: the call was interrupted';

/** A task that ended, and what is on record of it. */
export type Ended = KillTask & { outcome: Outcome };

/** What the kills came to. */
export type KillsResult = {
  ended: Ended[];
  lost: number;
  kills: number;
  watch: ProcessWatch;
  openRows: string[];
  leftProcesses: number;
  leftSessions: number;
  /** The effects that were under way on a worker when it was killed. */
  inFlight: ReadonlySet<string>;
  /** How often each effect happened, by the files of the servers. */
  happened: ReadonlyMap<string, number>;
  /** The marks of the tasks whose child was told that a call was interrupted. */
  told: ReadonlySet<string>;
};

/** Kills workers with `kill -9` in the middle of an effect, again and again, and reads what is left at the end. */
export async function runKills(stage: Stage): Promise<KillsResult> {
  const { simulator, web, liarCalls, effectsFile, redisPort } = stage;
  const told = new Set<string>();
  const stopListening = simulator.onRequest(({ body }) => body.includes(TOLD) && told.add(markIn(body) ?? ''));
  const batches = new Map<string, KillTask[]>();
  const isOurs = (tag: string) => [...batches.keys()].some((id) => tag.includes(`:${id}-`));
  const watch = new ProcessWatch(isOurs);
  const payments = new Payments(liarCalls);
  const inFlight = await killRepeatedly(stage, payments, batches);
  const signal = AbortSignal.timeout(SETTLE_WITHIN_MS);
  for (const id of batches.keys()) await stage.producer.settled(id, { signal }).catch(() => undefined);
  const openRows = await awaitClosedRows(redisPort, PREFIX, CLOSE_WITHIN_MS);
  watch.close();
  stopListening();
  const ended = await endedIn(stage, batches);
  return {
    ended,
    lost: [...batches.values()].flat().length - ended.length,
    kills: stage.workers.killedAt.size,
    watch,
    openRows,
    leftProcesses: taggedProcesses(isOurs).length,
    leftSessions: (await web.tally()).length,
    inFlight,
    happened: new Map([...(await effectsIn(effectsFile)), ...(await payments.happened())]),
    told,
  };
}

/** In each round, enqueues tasks and kills the worker on which the next payment begins. Fills `batches` by id. */
async function killRepeatedly(
  stage: Stage,
  payments: Payments,
  batches: Map<string, KillTask[]>,
): Promise<Set<string>> {
  const { producer, workers, dir } = stage;
  const inFlight = new Set<string>();
  for (let round = 0; round < KILLS; round++) {
    const tasks = tasksOf(round * TASKS_A_ROUND, join(dir, 'files'));
    const begins = await payments.nextBegins();
    const { batch_id } = await producer.enqueue({ tasks: tasks.map(({ task }) => task) });
    batches.set(batch_id, tasks);
    const workerPid = await begins();
    for (const effect of payments.underWay(workerPid)) inFlight.add(effect);
    workers.killPid(workerPid);
    await workers.ready();
    // Tasks of more rounds than two at a time would meet so many kills that they end as CRASH_LOOP.
    const earlier = [...batches.keys()].at(-2);
    if (earlier) await producer.settled(earlier);
  }
  return inFlight;
}

async function endedIn({ producer }: Stage, batches: ReadonlyMap<string, KillTask[]>): Promise<Ended[]> {
  const ended: Ended[] = [];
  for (const [id, tasks] of batches) {
    for await (const outcome of producer.outcomes(id)) {
      const task = tasks[outcome.index];
      if (task) ended.push({ ...task, outcome });
    }
  }
  return ended;
}
