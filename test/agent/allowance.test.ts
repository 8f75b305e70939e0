import { expect, test } from 'vitest';
import { allowanceFor, tokensForNextTurn } from '../../src/agent/allowance.ts';
import { DefaultBudget } from '../../src/contract/limits.ts';
import type { Budget } from '../../src/contract/task.ts';
import { anAllowance } from '../helpers/allowance.ts';
import { providerAt } from '../providers/models.ts';

const deployment = {
  budget: DefaultBudget.parse({ turns: 20, seconds: 600, output_tokens_per_turn: 8_000, tool_calls_per_turn: 7 }),
  watchdogs: { tool_ms: 1_000, turns_without_progress: 5 },
};
const timeouts = { headers_ms: 100, first_token_ms: 2_000, idle_ms: 3_000, turn_ms: 4_000 };
const provider = providerAt('chat', 'https://llm.example', { timeouts });

function allowanceOf(task?: Budget) {
  return allowanceFor({ task, deployment, provider, effort: null });
}

test('a task without a budget gets what its deployment and its provider allow', () => {
  expect(allowanceOf()).toEqual({
    turns: 20,
    tokens: undefined,
    seconds: 600,
    outputTokensPerTurn: 8_000,
    toolCallsPerTurn: 7,
    toolMs: 1_000,
    turnsWithoutProgress: 5,
    call: {
      headers_ms: { ms: 100, source: 'timeouts.headers_ms' },
      first_token_ms: { ms: 2_000, source: 'timeouts.first_token_ms' },
      idle_ms: { ms: 3_000, source: 'timeouts.idle_ms' },
      turn_ms: { ms: 4_000, source: 'timeouts.turn_ms' },
    },
  });
});

test('turns, tokens and seconds of a task win over the deployment, higher or lower', () => {
  expect(allowanceOf({ turns: 50, tokens: 9, seconds: 3_600 })).toMatchObject({ turns: 50, tokens: 9, seconds: 3_600 });
});

test('a task may be stricter than its deployment and its provider', () => {
  const strict = allowanceOf({
    ...{ first_token_seconds: 1, idle_seconds: 0.5, turn_seconds: 0.0001 },
    ...{ tool_seconds: 0.5, turns_without_progress: 2 },
  });
  expect(strict).toMatchObject({
    toolMs: 500,
    turnsWithoutProgress: 2,
    call: {
      first_token_ms: { ms: 1_000, source: 'budget.first_token_seconds' },
      idle_ms: { ms: 500, source: 'budget.idle_seconds' },
      turn_ms: { ms: 1, source: 'budget.turn_seconds' },
    },
  });
});

test('a task is never laxer than its deployment and its provider', () => {
  const lax = { first_token_seconds: 60, idle_seconds: 60, turn_seconds: 60, tool_seconds: 60 };
  expect(allowanceOf({ ...lax, turns_without_progress: 50 })).toEqual(allowanceOf());
});

test('a turn may generate no more tokens than the models of its provider', () => {
  const small = providerAt('chat', 'https://llm.example', { max_output_tokens: 1_500 });
  expect(allowanceFor({ task: undefined, deployment, provider: small, effort: null }).outputTokensPerTurn).toBe(1_500);
});

test('the next turn may generate what is left of the tokens, up to the limit of a turn', () => {
  const allowance = anAllowance({ turns: 3, tokens: 1_000, outputTokensPerTurn: 400 });
  expect(tokensForNextTurn(allowance, { turns: 0, tokens: 0 })).toBe(400);
  expect(tokensForNextTurn(allowance, { turns: 1, tokens: 900 })).toBe(100);
  expect(() => tokensForNextTurn(allowance, { turns: 1, tokens: 1_000 })).toThrow('used 1000 of 1000 tokens');
  expect(() => tokensForNextTurn(allowance, { turns: 3, tokens: 0 })).toThrow('used 3 of 3 turns');
});
