import type { Checkpoint } from '../contract/checkpoint.ts';
import type { Attempt, Outcome } from '../contract/outcome.ts';
import { addCost, type Cost } from '../contract/usage.ts';

/** The most a call with so many input tokens can cost, in US dollars; `null` where no price is known. */
export type MostCostOf = (inputTokens: number) => Cost;

/**
 * Counts the calls that were cut off and made again by a later attempt, and bounds what their first time cost.
 *
 * A lost attempt may have been cut off in a call; nobody knows, so it counts. A call that nobody made again was paid for
 * once at most, and one that went on in the background until a later attempt took it over was made once. The input of a
 * call that was made again is known from the turn it came to.
 */
export function paidTwiceIn(
  attempts: readonly Attempt[],
  checkpoints: readonly Checkpoint[],
  mostCostOf: MostCostOf,
): Pick<Outcome, 'calls_possibly_paid_twice' | 'possibly_paid_twice_usd'> {
  let calls = 0;
  let cost: Cost = 0;
  for (const [at, attempt] of attempts.entries()) {
    const next = attempts[at + 1];
    if (!next || !wentOn(next, checkpoints.length) || isTakenOver(attempt, attempts)) continue;
    for (let left = cutOffIn(attempt); left > 0; left--) {
      calls++;
      cost = addCost(cost, boundOf(checkpoints[next.turns_before], mostCostOf));
    }
  }
  return { calls_possibly_paid_twice: calls, ...(calls > 0 && { possibly_paid_twice_usd: cost }) };
}

function isTakenOver({ epoch }: Attempt, attempts: readonly Attempt[]): boolean {
  return attempts.some(({ epoch: later, call_taken_over_from: from = later }) => from <= epoch && epoch < later);
}

function cutOffIn({ ended, unfinished_calls }: Attempt): number {
  return ended === 'lost' ? 1 : (unfinished_calls ?? 0);
}

/** Tells whether the attempt called the model at all. */
function wentOn(attempt: Attempt, turns: number): boolean {
  return turns > attempt.turns_before || cutOffIn(attempt) > 0;
}

/** A turn without a cost has no known price or no known input, and one that never completed has neither. */
function boundOf(again: Checkpoint | undefined, mostCostOf: MostCostOf): Cost {
  return again === undefined || again.reply.cost_usd === null ? null : mostCostOf(again.reply.usage.input_tokens);
}
