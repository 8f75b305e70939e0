import type { Failure } from '../../contract/failure.ts';
import type { Move, Verdict } from '../../queue/verdict.ts';
import type { Pause } from './decide.ts';
import type { Recorded } from './record.ts';

/** Returns what the queue does after a result was recorded. */
export function verdictOf(recorded: Recorded): Verdict {
  switch (recorded.status) {
    case 'recorded':
    case 'ended':
      return { wake: recorded.wake, move: { next: 'ended', outcome: recorded.outcome } };
    case 'paused':
      return { wake: recorded.wake, move: moveOf(recorded.pause, recorded.isCancelled) };
    case 'superseded':
      return { wake: [], move: { next: 'surrender', line: lineOf(recorded.failure) } };
  }
}

/** A cancelled task does not wait for its time: its next delivery ends it. */
function moveOf(pause: Pause, isCancelled: boolean): Move {
  const line = lineOf(pause.failure);
  const waits = pause.next === 'retry' || pause.next === 'defer';
  if (waits && isCancelled) return { next: 'requeue', line };
  return pause.next === 'defer' ? { next: 'defer', line, delayMs: pause.delayMs } : { next: pause.next, line };
}

function lineOf({ code, message }: Failure): string {
  return `${code}: ${message}`;
}
