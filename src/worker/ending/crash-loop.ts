import type { Attempt } from '../../contract/outcome.ts';
import { ErrandError } from '../../errors.ts';

/** Crashes at the same turn. One more attempt would most likely kill another worker. */
const MAX_CRASHES = 3;

/**
 * The error of a task that seems to kill its workers, or `null`. Crashes are counted separately from failures. A crash spends
 * no try, because a killed pod is not the task's fault, and only crashes without a turn between them count. A lost attempt
 * with a failure is no crash: its worker lived to record it. A deferred attempt or one that was handed back is no evidence: it
 * ended before the step that kills.
 */
export function crashLoopIn(past: readonly Attempt[], turns: number): ErrandError | null {
  const crashed = past.filter(
    ({ ended, failure, turns_before }) => ended === 'lost' && failure === undefined && turns_before === turns,
  );
  if (crashed.length < MAX_CRASHES) return null;
  const workers = crashed.map(({ worker, started_at }) => `${worker} at ${started_at}`);
  return new ErrandError(
    'CRASH_LOOP',
    `${crashed.length} attempts crashed without completing a turn: ${workers.join(', ')}`,
  );
}
