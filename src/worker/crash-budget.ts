import type { Attempt } from '../contract/outcome.ts';
import { ErrandError } from '../errors.ts';

/** Starts in a row that ended without a word and recorded no turn; one more would most likely kill another worker. */
const MOST_CRASHES = 3;

/**
 * The error of a task that seems to kill its workers, or `null`. Crashes are counted apart from failures: they spend no
 * try, because a killed pod is not the task's fault, and they end where the task makes no progress between them.
 */
export function crashLoopIn(past: readonly Attempt[], turns: number): ErrandError | null {
  let crashes = 0;
  for (const attempt of past.toReversed()) {
    if (attempt.ended !== 'lost' || attempt.turns_before !== turns) break;
    crashes++;
  }
  if (crashes < MOST_CRASHES) return null;
  const workers = past.slice(-crashes).map(({ worker, started_at }) => `${worker} at ${started_at}`);
  return new ErrandError(
    'CRASH_LOOP',
    `${crashes} attempts in a row were lost without recording a turn: ${workers.join(', ')}`,
  );
}
