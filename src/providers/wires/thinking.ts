import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages/messages';
import type { ReasoningEffort } from '../../contract/effort.ts';
import { ErrandError } from '../../errors.ts';

/** Claude up to 4.5 thinks within a budget of tokens; later models take an effort and think as they see fit. */
const THINKS_BY_BUDGET = /^claude-(3-7|(opus|sonnet|haiku)-4($|-[0-5]($|-)|-\d{8}))/;

/** Tokens of thinking per level for the models that take a budget. */
const BUDGET_TOKENS = { low: 4_096, medium: 10_240, high: 20_480, xhigh: 32_768, max: 65_536 } as const;

/** The least budget the API takes. */
const MIN_BUDGET = 1_024;

/** How much of `max_tokens`, which holds thinking and answer, may go into thinking: the rest is the answer's. */
const MAX_SHARE = 0.75;

type Thinking = Pick<MessageCreateParams, 'thinking' | 'output_config'>;

function budgetOf(level: keyof typeof BUDGET_TOKENS, maxTokens: number): number {
  const most = Math.floor(maxTokens * MAX_SHARE);
  if (most < MIN_BUDGET) {
    const needed = Math.ceil(MIN_BUDGET / MAX_SHARE);
    throw new ErrandError(
      'BUDGET_TOKENS',
      `${maxTokens} output tokens are left for the turn; thinking and an answer need at least ${needed}`,
    );
  }
  return Math.min(BUDGET_TOKENS[level], most);
}

/**
 * Where an effort goes in a Messages request: `thinking` with a budget, or `output_config.effort` with adaptive
 * thinking; `none` disables thinking. Models of other makers than Anthropic get the effort alone.
 *
 * @throws ErrandError `BUDGET_TOKENS` where `maxTokens` has no room for the least budget and an answer, and `INTERNAL`
 * for `minimal`, which `levelsOf` never offers on this wire.
 */
export function thinkingFor(model: string, level: ReasoningEffort | null, maxTokens: number): Thinking {
  if (level === null) return {};
  if (level === 'none') return { thinking: { type: 'disabled' } };
  if (level === 'minimal') throw new ErrandError('INTERNAL', 'The Messages API has no effort "minimal".');
  if (THINKS_BY_BUDGET.test(model)) return { thinking: { type: 'enabled', budget_tokens: budgetOf(level, maxTokens) } };
  return { output_config: { effort: level }, ...(isClaude(model) && { thinking: { type: 'adaptive' } }) };
}

/** Tells the models of Anthropic from those of others that speak its protocol. */
export function isClaude(model: string): boolean {
  return model.startsWith('claude-');
}
