import type { Provider } from '../catalogue/provider.ts';
import type { ReasoningEffort } from '../contract/effort.ts';
import type { DefaultBudget } from '../contract/limits.ts';
import type { Budget } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import { type CallLimits, callLimitsOf } from '../providers/call-limits.ts';

/** What one child may use: in all, in each turn, in each tool call and in each model call. */
export type Allowance = {
  readonly turns: number;
  /** Input and output tokens of all turns together; `undefined`: no limit. */
  readonly tokens: number | undefined;
  /** Wall-clock seconds of all attempts together. The attempt watches them. */
  readonly seconds: number;
  readonly outputTokensPerTurn: number;
  readonly toolCallsPerTurn: number;
  /** Milliseconds of one tool call. */
  readonly toolMs: number;
  /** How many turns in a row may make the same tool calls and get the same results. */
  readonly turnsWithoutProgress: number;
  /** The limits of each model call. The model watches them. */
  readonly call: CallLimits;
};

/** Those who limit a child: its task, its deployment, and the provider with the effort that its model is sent. */
export type LimitSources = {
  task: Budget | undefined;
  deployment: { budget: DefaultBudget; watchdogs: { tool_ms: number; turns_without_progress: number } };
  provider: Provider;
  effort: ReasoningEffort | null;
};

/**
 * Resolves what a child may use. Turns, tokens and seconds are the task's, else the deployment's; everything else a task can
 * only lower.
 */
export function allowanceFor({ task = {}, deployment, provider, effort }: LimitSources): Allowance {
  const { budget, watchdogs } = deployment;
  const caps = {
    first_token_ms: msOf(task.first_token_seconds),
    idle_ms: msOf(task.idle_seconds),
    turn_ms: msOf(task.turn_seconds),
  };
  return {
    turns: task.turns ?? budget.turns,
    tokens: task.tokens ?? budget.tokens,
    seconds: task.seconds ?? budget.seconds,
    outputTokensPerTurn: outputTokensPerTurn(budget, provider),
    toolCallsPerTurn: budget.tool_calls_per_turn,
    toolMs: lowered(watchdogs.tool_ms, msOf(task.tool_seconds)),
    turnsWithoutProgress: lowered(watchdogs.turns_without_progress, task.turns_without_progress),
    call: callLimitsOf(provider, effort, caps),
  };
}

/** The maximum number of tokens that one turn may generate: the deployment's, within what the provider's models may. */
export function outputTokensPerTurn(budget: DefaultBudget, provider: Provider): number {
  return Math.min(budget.output_tokens_per_turn, provider.max_output_tokens);
}

/**
 * Checks the budget between turns and returns how many tokens the next turn may generate.
 * @throws ErrandError `BUDGET_TURNS` or `BUDGET_TOKENS`, naming what was used and what was allowed.
 */
export function tokensForNextTurn(
  { turns, tokens, outputTokensPerTurn: perTurn }: Allowance,
  used: { turns: number; tokens: number },
): number {
  if (used.turns >= turns) {
    throw new ErrandError('BUDGET_TURNS', `used ${used.turns} of ${turns} turns without an answer`);
  }
  if (tokens === undefined) return perTurn;
  const left = tokens - used.tokens;
  if (left <= 0) throw new ErrandError('BUDGET_TOKENS', `used ${used.tokens} of ${tokens} tokens without an answer`);
  return Math.min(left, perTurn);
}

function lowered(limit: number, cap: number | undefined): number {
  return Math.min(limit, cap ?? Number.POSITIVE_INFINITY);
}

function msOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1000);
}
