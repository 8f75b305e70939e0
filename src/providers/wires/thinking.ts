import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages/messages';
import type { ReasoningEffort } from '../../contract/effort.ts';
import { ErrandError } from '../../errors.ts';

/** Claude up to 4.5 thinks within a budget of tokens. Later models take an effort and choose their own amount. */
const THINKS_BY_BUDGET = /^claude-(3-7|(opus|sonnet|haiku)-4($|-[0-5]($|-)|-\d{8}))/;

/** The tokens of thinking for each level, for models that take a budget. */
const BUDGET_TOKENS = { low: 4_096, medium: 10_240, high: 20_480, xhigh: 32_768, max: 65_536 } as const;

/** The minimum budget that the API accepts. */
const MIN_BUDGET = 1_024;

/** The maximum share of `max_tokens` for thinking. The answer needs the remaining tokens. */
const MAX_SHARE = 0.75;

type Thinking = Pick<MessageCreateParams, 'thinking' | 'output_config'>;

function budgetOf(level: keyof typeof BUDGET_TOKENS, maxTokens: number): number {
  const max = Math.floor(maxTokens * MAX_SHARE);
  if (max < MIN_BUDGET) {
    const needed = Math.ceil(MIN_BUDGET / MAX_SHARE);
    throw new ErrandError(
      'BUDGET_TOKENS',
      `${maxTokens} output tokens are left for the turn; thinking and an answer need at least ${needed}`,
    );
  }
  return Math.min(BUDGET_TOKENS[level], max);
}

/**
 * Translates an effort for a Messages request: to `thinking` with a budget, or to `output_config.effort` with adaptive
 * thinking. `none` disables thinking. Models of other vendors get the effort alone.
 *
 * @throws ErrandError `BUDGET_TOKENS` if `maxTokens` has no room for the minimum budget and an answer, and `INTERNAL`
 * for `minimal`, which `levelsOf` never offers on this wire.
 */
export function thinkingFor(model: string, level: ReasoningEffort | null, maxTokens: number): Thinking {
  if (level === null) return {};
  if (level === 'none') return { thinking: { type: 'disabled' } };
  if (level === 'minimal') throw new ErrandError('INTERNAL', 'The Messages API has no effort "minimal".');
  if (THINKS_BY_BUDGET.test(model)) return { thinking: { type: 'enabled', budget_tokens: budgetOf(level, maxTokens) } };
  return { output_config: { effort: level }, ...(isClaude(model) && { thinking: { type: 'adaptive' } }) };
}

/** Tells whether a model is of Anthropic. Other vendors implement the same protocol. */
export function isClaude(model: string): boolean {
  return model.startsWith('claude-');
}
