import type { Attempt } from '../../contract/outcome.ts';
import { ErrandError } from '../../errors.ts';

/** Starts at one turn that ended without a word; one more would most likely kill another worker. */
const MAX_CRASHES = 3;

/**
 * The error of a task that seems to kill its workers, or `null`. Crashes are counted apart from failures: they spend no
 * try, because a killed pod is not the task's fault, and they end where the task makes no progress between them. A lost
 * attempt that has a failure said so itself, and its worker lives; one that was deferred or handed back shows nothing,
 * since it ended before it came to what kills.
 */
export function crashLoopIn(past: readonly Attempt[], turns: number): ErrandError | null {
  const crashed = past.filter(
    ({ ended, failure, turns_before }) => ended === 'lost' && failure === undefined && turns_before === turns,
  );
  if (crashed.length < MAX_CRASHES) return null;
  const workers = crashed.map(({ worker, started_at }) => `${worker} at ${started_at}`);
  return new ErrandError(
    'CRASH_LOOP',
    `${crashed.length} attempts were lost without a word, and no turn was recorded meanwhile: ${workers.join(', ')}`,
  );
}
