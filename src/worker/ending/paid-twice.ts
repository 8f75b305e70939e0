import type { Checkpoint } from '../../contract/checkpoint.ts';
import type { Attempt, Outcome } from '../../contract/outcome.ts';
import { addSpend, type CutSpend, NO_SPEND, type Spend, unknownSpend } from '../../contract/spend.ts';
import { addCost, type Cost } from '../../contract/usage.ts';

/** The maximum cost of a call with so many input tokens, in US dollars; `null` if no price is known. */
export type MaxCostOf = (inputTokens: number) => Cost;

/** Facts about the calls of a task, besides its recorded turns. */
export type CallFacts = {
  attempts: readonly Attempt[];
  checkpoints: readonly Checkpoint[];
  /** The cost of the cut-off calls of each attempt, by epoch. Absent for an attempt that never wrote it. */
  cutSpends: ReadonlyMap<number, CutSpend>;
};

/** The bounds for the cost of a call: the price, and the maximum number of input tokens of a call of the task. */
export type CallBounds = { maxCostOf: MaxCostOf; maxInputTokens: number | null };

/**
 * Adds up the cost of the cut-off calls of all attempts. A lost attempt may have been cut off in a call, so it counts
 * as one call of unknown cost unless it wrote its spend.
 */
export function cutSpendIn(facts: CallFacts): Spend {
  const { attempts } = facts;
  let total = NO_SPEND;
  for (const [at, attempt] of attempts.entries()) {
    // A later attempt continued its background call, so the cost counts there.
    if (isTakenOver(attempt, attempts)) continue;
    total = addSpend(total, cutSpendOf(at, facts) ?? unknownSpend(cutOffIn(attempt)));
  }
  return total;
}

/**
 * The spend that an attempt wrote for its cut-off calls; `undefined` if it wrote none. A spend written during a call
 * counts only if the attempt wrote no later spend, and only until the turn of that call is recorded.
 */
function cutSpendOf(at: number, { attempts, checkpoints, cutSpends }: CallFacts): CutSpend | undefined {
  const attempt = attempts[at];
  const spend = attempt && cutSpends.get(attempt.epoch);
  if (!spend?.turn) return spend;
  const recorded = attempts[at + 1]?.turns_before ?? checkpoints.length;
  return attempt?.ended === 'lost' && spend.turn > recorded ? spend : undefined;
}

/**
 * Counts the calls that were cut off and that a later attempt repeated, and bounds the cost of the first call.
 *
 * A lost attempt may have been cut off in a call, so it counts. A call that no attempt repeated was paid for at most
 * once. A background call that a later attempt continued was made only once.
 */
export function paidTwiceIn(
  facts: CallFacts,
  bounds: CallBounds,
): Pick<Outcome, 'calls_possibly_paid_twice' | 'possibly_paid_twice_usd'> {
  const { attempts, checkpoints } = facts;
  let calls = 0;
  let cost: Cost = 0;
  for (const [at, attempt] of attempts.entries()) {
    const next = attempts[at + 1];
    if (!next || !calledModel(next, checkpoints.length) || isTakenOver(attempt, attempts)) continue;
    for (let left = cutOffIn(attempt); left > 0; left--) {
      calls++;
      cost = addCost(cost, boundOf(at, facts, bounds));
    }
  }
  return { calls_possibly_paid_twice: calls, ...(calls > 0 && { possibly_paid_twice_usd: cost }) };
}

function isTakenOver({ epoch }: Attempt, attempts: readonly Attempt[]): boolean {
  return attempts.some(({ epoch: later, call_taken_over_from: from = later }) => from <= epoch && epoch < later);
}

/** Returns the number of cut-off calls of an attempt. A lost attempt counts as one. */
export function cutOffIn({ ended, unfinished_calls }: Attempt): number {
  return ended === 'lost' ? 1 : (unfinished_calls ?? 0);
}

/** Tells whether the attempt called the model at all. */
function calledModel(attempt: Attempt, turns: number): boolean {
  return turns > attempt.turns_before || cutOffIn(attempt) > 0;
}

/**
 * Returns the maximum cost of the cut-off call of an attempt. The first known value counts: from the input tokens of
 * the turn that the repeated call became; the maximum that this or a later attempt measured; the bound from the whole
 * conversation.
 */
function boundOf(at: number, facts: CallFacts, bounds: CallBounds): Cost {
  const { attempts, checkpoints } = facts;
  const next = attempts[at + 1];
  const again = next && checkpoints[next.turns_before];
  const ofTurn = again?.reply.usage.input_tokens ? bounds.maxCostOf(again.reply.usage.input_tokens) : null;
  if (ofTurn !== null) return ofTurn;
  for (let same = at; same < attempts.length; same++) {
    const measured = cutSpendOf(same, facts)?.max_cost_usd;
    if (typeof measured === 'number') return measured;
  }
  return bounds.maxInputTokens === null ? null : bounds.maxCostOf(bounds.maxInputTokens);
}
