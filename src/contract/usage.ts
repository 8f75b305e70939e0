import { z } from 'zod';
import { stored } from './stored.ts';

/** Tokens of one or more model calls. `input_tokens` is the total, with what came from the cache included. */
export const Usage = stored({
  input_tokens: z.number().int().nonnegative(),
  cached_input_tokens: z.number().int().nonnegative(),
  output_tokens: z.number().int().nonnegative(),
  reasoning_tokens: z.number().int().nonnegative(),
});
export type Usage = z.infer<typeof Usage>;

/** No tokens at all. */
export const NO_USAGE: Usage = { input_tokens: 0, cached_input_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };

/** Adds two usages field by field. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    cached_input_tokens: a.cached_input_tokens + b.cached_input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    reasoning_tokens: a.reasoning_tokens + b.reasoning_tokens,
  };
}

/** US dollars, or `null` where the price is unknown. Unknown is never 0, and unknown plus known is unknown. */
export const Cost = z.number().nonnegative().nullable();
export type Cost = z.infer<typeof Cost>;

/** Adds two costs; `null` (unknown) wins. */
export function addCost(a: Cost, b: Cost): Cost {
  return a === null || b === null ? null : a + b;
}
