import type { Provider } from '../catalogue/provider.ts';
import type { ReasoningEffort } from '../contract/effort.ts';
import type { DefaultBudget } from '../contract/limits.ts';
import type { Budget } from '../contract/task.ts';
import { ErrandError } from '../errors.ts';
import { type CallLimits, callLimitsOf } from '../providers/call-limits.ts';

/** The limits of one child: in total, and for each turn, tool call and model call. */
export type Allowance = {
  readonly turns: number;
  /** Input and output tokens of all turns together; `undefined`: no limit. */
  readonly tokens: number | undefined;
  /** Wall-clock seconds of all attempts together. The attempt enforces them. */
  readonly seconds: number;
  readonly outputTokensPerTurn: number;
  readonly toolCallsPerTurn: number;
  /** The time limit of one tool call, in milliseconds. */
  readonly toolMs: number;
  /** The maximum number of turns in a row that make the same tool calls and get the same results. */
  readonly turnsWithoutProgress: number;
  /** The limits of each model call. The model enforces them. */
  readonly call: CallLimits;
};

/** The sources of the limits: the task, the deployment, the provider, and the effort that is sent to the model. */
export type LimitSources = {
  task: Budget | undefined;
  deployment: { budget: DefaultBudget; watchdogs: { tool_ms: number; turns_without_progress: number } };
  provider: Provider;
  effort: ReasoningEffort | null;
};

/**
 * Resolves the limits of a child. For turns, tokens and seconds, the values of the task replace those of the
 * deployment. A task can only lower the other limits.
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

/** The maximum number of tokens that one turn may generate: the lower limit of the deployment and the provider. */
export function outputTokensPerTurn(budget: DefaultBudget, provider: Provider): number {
  return Math.min(budget.output_tokens_per_turn, provider.max_output_tokens);
}

/**
 * Checks the budget between turns and returns how many tokens the next turn may generate.
 * @throws ErrandError `BUDGET_TURNS` or `BUDGET_TOKENS`, with the used and the allowed number.
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
