import { amendCleanup } from '../../contract/cleanup.ts';
import type { Verdict } from '../../queue/verdict.ts';
import { note } from '../../telemetry/observer.ts';
import type { AttemptReport } from '../../telemetry/step.ts';
import type { TaskDeps } from '../task-deps.ts';
import { abandonResponse } from './abandon-response.ts';
import type { Superseded } from './close.ts';
import { type Decision, decide } from './decide.ts';
import { type Ending, record, recordLoss } from './record.ts';
import { verdictOf } from './verdict-of.ts';

/** What the queue does next, and the report of the attempt. */
export type Concluded = { verdict: Verdict; report: AttemptReport };

/** Concludes an attempt: decides what follows from its result, records it, and returns what the queue does next. */
export async function conclude(ending: Ending, deps: TaskDeps): Promise<Concluded> {
  const { attempt, result, cleanup } = ending;
  const { isLastTry, history } = attempt;
  let hasOpenRows = true;
  try {
    const at = { now: Date.now(), draw: Math.random() };
    const decision = decide({ result, isLastTry, past: history.past, redactor: deps.redactor, ...at });
    const whole = await abandon(decision, ending, deps);
    const written = await record(decision, whole, deps);
    const recorded = written.status === 'superseded' ? await surrender(written, ending, deps) : written;
    hasOpenRows = cleanup.open > 0;
    return { verdict: verdictOf(recorded), report: recorded.report };
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

/** Leaves the task to its new owner, because its record was refused. */
function surrender({ failure }: Superseded, ending: Ending, deps: TaskDeps): ReturnType<typeof recordLoss> {
  note(deps.observer, { name: 'write_refused', taskId: ending.attempt.taskId });
  return recordLoss({ next: 'surrender', failure }, ending, deps);
}
