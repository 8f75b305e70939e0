import { z } from 'zod';
import { stored } from './stored.ts';

/** Tokens of one or more model calls. `input_tokens` is the total, cached tokens included. */
export const Usage = stored({
  /** All input tokens, cached tokens included. */
  input_tokens: z.number().int().nonnegative(),
  /** Input tokens that came from the cache of the provider. */
  cached_input_tokens: z.number().int().nonnegative(),
  /** All output tokens, reasoning tokens included. */
  output_tokens: z.number().int().nonnegative(),
  /** Output tokens of reasoning. */
  reasoning_tokens: z.number().int().nonnegative(),
});
export type Usage = z.infer<typeof Usage>;

/** No tokens at all. */
export const NO_USAGE: Usage = { input_tokens: 0, cached_input_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };

/** More tokens than any turn has. A higher number counts as unknown. */
const MAX_TURN_TOKENS = 1_000_000_000;

/**
 * Reads a number of tokens that a provider reports. Returns `null`, which means unknown and never 0, for a number that
 * no turn can have.
 */
export function tokenFigure(sent: unknown): number | null {
  if (typeof sent !== 'number' || !(sent >= 0) || sent > MAX_TURN_TOKENS) return null;
  return Math.trunc(sent);
}

/** Adds numbers of tokens. The sum stays within the schema, however many turns and tasks are added. */
function addTokens(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}

/** Adds two usages field by field. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    input_tokens: addTokens(a.input_tokens, b.input_tokens),
    cached_input_tokens: addTokens(a.cached_input_tokens, b.cached_input_tokens),
    output_tokens: addTokens(a.output_tokens, b.output_tokens),
    reasoning_tokens: addTokens(a.reasoning_tokens, b.reasoning_tokens),
  };
}

/** US dollars, or `null` if the price is unknown. Unknown is never 0, and unknown plus known is unknown. */
export const Cost = z.number().nonnegative().nullable();
export type Cost = z.infer<typeof Cost>;

/** Adds two costs; `null` (unknown) wins. A sum above the range of numbers is unknown. */
export function addCost(a: Cost, b: Cost): Cost {
  if (a === null || b === null) return null;
  return Number.isFinite(a + b) ? a + b : null;
}
