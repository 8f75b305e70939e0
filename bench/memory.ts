import { openErrand } from './contender.ts';
import { goalsOf } from './rounds.ts';
import type { Stage } from './stage.ts';

/** What a worker process took with many tasks in flight, in bytes. `base` is the same process at rest, warmed up. */
export type Memory = { base: number; peak: number; inFlight: number };

/** Tasks in flight at once. */
export const IN_FLIGHT = 1_000;
/**
 * How often each place is taken. The heap grows until V8 collects its old part, once in about two thousand tasks, so the peak
 * of a shorter run says only how far the heap had come by its end.
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
