import { z } from 'zod';
import type { Turn } from './checkpoint.ts';
import { contract } from './fits.ts';
import { stored } from './stored.ts';
import { addCost, addUsage, Cost, NO_USAGE, Usage } from './usage.ts';

/** More calls than any attempt makes. A record with more is invalid, so that no sum exceeds its range. */
const MAX_CALLS = 1_000_000;

/**
 * What model calls cost: the tokens that the provider reported, their cost, and the number of calls that may have been
 * billed for an unknown amount.
 */
export const Spend = stored({
  usage: Usage,
  known_cost_usd: z.number().nonnegative(),
  calls_of_unknown_cost: z.number().int().nonnegative().max(MAX_CALLS),
});
export type Spend = z.infer<typeof Spend>;

/**
 * What the cut-off calls of one attempt cost, as recorded beside the attempt. `max_cost_usd` is the maximum cost of one
 * of them; `null` without a price. `turn` is set if the call was still running when this was written: once that turn is
 * recorded, this spend no longer counts.
 */
export const CutSpend = contract(
  Spend.extend({ max_cost_usd: Cost.optional(), turn: z.number().int().positive().optional() }),
);
export type CutSpend = z.infer<typeof CutSpend>;

/** Nothing was spent. */
export const NO_SPEND: Spend = { usage: NO_USAGE, known_cost_usd: 0, calls_of_unknown_cost: 0 };

/** Adds two spends field by field. */
export function addSpend(a: Spend, b: Spend): Spend {
  return {
    usage: addUsage(a.usage, b.usage),
    // A sum above the range of numbers stays at the highest number that JSON can express.
    known_cost_usd: addCost(a.known_cost_usd, b.known_cost_usd) ?? Number.MAX_VALUE,
    calls_of_unknown_cost: a.calls_of_unknown_cost + b.calls_of_unknown_cost,
  };
}

/** Returns the spend of one call from its reported usage and its cost. */
export function spendOf({ usage, cost_usd }: Pick<Turn, 'usage' | 'cost_usd'>): Spend {
  return { usage, known_cost_usd: cost_usd ?? 0, calls_of_unknown_cost: cost_usd === null ? 1 : 0 };
}

/** Returns the spend of calls without any reported usage. */
export function unknownSpend(calls: number): Spend {
  return { ...NO_SPEND, calls_of_unknown_cost: calls };
}

/** Returns the total cost; `null` if the cost of any call is unknown. */
export function costOfSpend({ known_cost_usd, calls_of_unknown_cost }: Spend): Cost {
  return calls_of_unknown_cost > 0 ? null : known_cost_usd;
}
