import type { Budget } from '../contract/task.ts';
import type { CallLimits } from '../providers/timers.ts';

/** What watches a child beside its budget and the limits of its model calls. */
export type Watchdogs = {
  /** How long one tool call may take. */
  tool_ms: number;
  /** How many turns in a row may make the same tool calls and get the same results. */
  turns_without_progress: number;
};

/** The deployment's watchdogs, lowered by what the task's budget says. */
export function watchdogsFor(deployment: Watchdogs, budget: Budget = {}): Watchdogs {
  return {
    tool_ms: Math.min(deployment.tool_ms, msOf(budget.tool_seconds) ?? Number.POSITIVE_INFINITY),
    turns_without_progress: Math.min(
      deployment.turns_without_progress,
      budget.turns_without_progress ?? Number.POSITIVE_INFINITY,
    ),
  };
}

/** What the task's budget allows each of its model calls. */
export function callLimitsOf(budget: Budget = {}): CallLimits {
  return {
    first_token_ms: msOf(budget.first_token_seconds),
    idle_ms: msOf(budget.idle_seconds),
    turn_ms: msOf(budget.turn_seconds),
  };
}

function msOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1000);
}
