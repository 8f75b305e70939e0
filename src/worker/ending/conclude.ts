import { amendCleanup } from '../../contract/cleanup.ts';
import type { Verdict } from '../../queue/verdict.ts';
import type { TaskDeps } from '../task-deps.ts';
import { abandonResponse } from './abandon-response.ts';
import { type Decision, decide } from './decide.ts';
import { type Ending, type Recorded, record } from './record.ts';
import { verdictOf } from './verdict-of.ts';

/** Concludes an attempt: decides what follows from its result, records that, and says what the queue does. */
export async function conclude(ending: Ending, deps: TaskDeps): Promise<Verdict> {
  const { attempt, result, cleanup } = ending;
  const { isLastTry, history } = attempt;
  let hasOpenRows = true;
  try {
    const at = { now: Date.now(), draw: Math.random() };
    const decision = decide({ result, isLastTry, past: history.past, redactor: deps.redactor, ...at });
    const whole = await abandon(decision, ending, deps);
    const recorded = await unlessLost(await record(decision, whole, deps), ending, deps);
    hasOpenRows = cleanup.open > 0;
    return verdictOf(recorded);
  } finally {
    attempt.leaveRows(hasOpenRows);
  }
}

/** Cancels the background response of a task that ends without it. */
async function abandon(decision: Decision, ending: Ending, deps: TaskDeps): Promise<Ending> {
  if (decision.next !== 'end' || decision.end.status === 'succeeded') return ending;
  const steps = await abandonResponse(ending.result.work.response, ending.attempt, deps);
  return { ...ending, cleanup: amendCleanup(ending.cleanup, steps) };
}

/** Surrenders the task if its record was refused. */
async function unlessLost(recorded: Recorded, ending: Ending, deps: TaskDeps): Promise<Recorded> {
  if (recorded.status !== 'superseded') return recorded;
  deps.telemetry.staleWriteRefused(ending.attempt.taskId);
  return record({ next: 'surrender', failure: recorded.failure }, ending, deps);
}
