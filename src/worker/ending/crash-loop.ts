import type { Attempt } from '../../contract/outcome.ts';
import { ErrandError } from '../../errors.ts';

/** The number of crashes at the same turn that end a task. Another attempt would most likely kill another worker. */
const MAX_CRASHES = 3;

/**
 * Returns the error of a task that seems to kill its workers, or `null`. Crashes are counted separately from failures.
 * A crash spends no try, because a killed pod is not the fault of the task. Only crashes at the current turn count. A
 * lost attempt with a failure is not a crash: its worker was alive to record it. Deferred and handed-back attempts do
 * not count: they ended before the step that kills.
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
