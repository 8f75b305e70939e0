import { ErrandError } from '../errors.ts';

/** What a child may use at most; `tokens` absent means no limit. Seconds are watched by the attempt itself. */
export type Allowance = { turns: number; tokens?: number; outputTokensPerTurn: number; toolCallsPerTurn: number };

/**
 * Checks the budget between turns and says how many tokens the next turn may generate.
 * @throws ErrandError `BUDGET_TURNS` or `BUDGET_TOKENS`, naming what was used and what was allowed.
 */
export function tokensForNextTurn(allowed: Allowance, used: { turns: number; tokens: number }): number {
  if (used.turns >= allowed.turns) {
    throw new ErrandError('BUDGET_TURNS', `used ${used.turns} of ${allowed.turns} turns without an answer`);
  }
  if (allowed.tokens === undefined) return allowed.outputTokensPerTurn;
  const left = allowed.tokens - used.tokens;
  if (left <= 0)
    throw new ErrandError('BUDGET_TOKENS', `used ${used.tokens} of ${allowed.tokens} tokens without an answer`);
  return Math.min(left, allowed.outputTokensPerTurn);
}
