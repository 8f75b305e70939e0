import { openErrand } from './contender.ts';
import { goalsOf } from './rounds.ts';
import type { Stage } from './stage.ts';

/** The memory of a worker process with many tasks in flight, in bytes. `base`: the same process at rest, warmed up. */
export type Memory = { base: number; peak: number; inFlight: number };

/** Tasks in flight at once. */
export const IN_FLIGHT = 1_000;
/**
 * How often each place is filled. The heap grows until V8 collects its old part, about once in two thousand tasks. So the peak
 * of a shorter run shows only how much the heap had grown at its end.
 */
const TURNS = 6;
const WARM_UP = 50;

/** Fills a new Errand worker to {@link IN_FLIGHT} tasks, whose model calls go as `directive` says. */
export async function measureMemory(stage: Stage, directive: string): Promise<Memory> {
  await stage.redis.flushall('SYNC');
  const errand = await openErrand(stage, IN_FLIGHT);
  await errand.prepare(goalsOf(WARM_UP));
  await errand.run();
  const { rssBytes } = await errand.process.reading();
  await errand.prepare(goalsOf(TURNS * IN_FLIGHT, directive));
  await errand.run();
  const { peakRssBytes, peakInFlight } = await errand.process.reading();
  await errand.close();
  return { base: rssBytes, peak: peakRssBytes, inFlight: peakInFlight };
}
