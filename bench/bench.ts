import { openErrand, openPlainFlow, openPool } from './contender.ts';
import { measureMemory } from './memory.ts';
import type { Measurements } from './report.ts';
import { runRound, runRounds } from './rounds.ts';
import type { Stage } from './stage.ts';

/** Tasks at a time in every contender. */
const CONCURRENCY = 200;
const WARM_UP = 10;

const LATENCY = '[[sim: latency_ms=200]]';
const OPEN_STREAM = '[[sim: latency_ms=200 delta_ms=150]]';

/** The size of a run. Every round of speed runs `tasks` tasks through each contender. */
export type Extent = { tasks: number; rounds: number; tell: (line: string) => void };

/** Measures everything on a stage: speed in turns, then memory. */
export async function measure(stage: Stage, { tasks, rounds, tell }: Extent): Promise<Measurements> {
  tell(`Speed: ${rounds} rounds of ${tasks} tasks, ${CONCURRENCY} at a time, after one to warm up`);
  const speed = await measureSpeed(stage, { tasks, rounds });
  tell(`Memory: ${rounds} new workers`);
  const memory = [];
  const memoryOfStreams = [];
  for (let round = 0; round < rounds; round++) {
    memory.push(await measureMemory(stage, LATENCY));
    memoryOfStreams.push(await measureMemory(stage, OPEN_STREAM));
  }
  return { ...speed, memory, memoryOfStreams };
}

/** Runs Errand, the plain flow with both callers and the pool in turns. All send the same request as Errand. */
export async function measureSpeed(
  stage: Stage,
  extent: Pick<Extent, 'tasks' | 'rounds'>,
): Promise<Pick<Measurements, 'errand' | 'plain' | 'plainSameCall' | 'pool'>> {
  const errand = await openErrand(stage, CONCURRENCY);
  await runRound(errand, stage, WARM_UP);
  const request = await lastRequest(stage.simulatorUrl);
  const plain = await openPlainFlow(stage, CONCURRENCY, { request, caller: 'sdk' });
  const plainSameCall = await openPlainFlow(stage, CONCURRENCY, { request, caller: 'errand' });
  const pool = await openPool(stage, CONCURRENCY, request);
  const contenders = { errand, plain, plainSameCall, pool };
  const rounds = await runRounds(contenders, stage, extent);
  for (const contender of Object.values(contenders)) await contender.close();
  return rounds;
}

/** The request that Errand sent to the provider. The others send the same. */
async function lastRequest(simulatorUrl: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${simulatorUrl}/_sim/requests?limit=1`);
  const { requests } = (await response.json()) as { requests: { body: string }[] };
  return JSON.parse(requests[0]?.body ?? '{}') as Record<string, unknown>;
}
