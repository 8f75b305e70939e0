import type { Checkpoint } from '../contract/checkpoint.ts';
import type { Attempt, Outcome } from '../contract/outcome.ts';
import { addSpend, type CutSpend, NO_SPEND, type Spend, unknownSpend } from '../contract/spend.ts';
import { addCost, type Cost } from '../contract/usage.ts';

/** The most a call with so many input tokens can cost, in US dollars; `null` where no price is known. */
export type MostCostOf = (inputTokens: number) => Cost;

/** What is known of the calls of a task beside its recorded turns. */
export type CallFacts = {
  attempts: readonly Attempt[];
  checkpoints: readonly Checkpoint[];
  /** By epoch, what the cut-off calls of an attempt cost; absent for one that never said so. */
  cutSpends: ReadonlyMap<number, CutSpend>;
};

/** What bounds the cost of a call: the price, and the most input tokens that a call of the task can have. */
export type CallBounds = { mostCostOf: MostCostOf; maxInputTokens: number | null };

/**
 * Sums up what the cut-off calls of all attempts cost. A lost attempt may have been cut off in a call; that is unknown, so
 * it counts as one call of unknown cost unless it said otherwise.
 */
export function cutSpendIn(facts: CallFacts): Spend {
  const { attempts } = facts;
  let total = NO_SPEND;
  for (const [at, attempt] of attempts.entries()) {
    // Its call went on in the background and became the turn, or the cut-off call, of the attempt that took it over.
    if (isTakenOver(attempt, attempts)) continue;
    total = addSpend(total, cutSpendOf(at, facts) ?? unknownSpend(cutOffIn(attempt)));
  }
  return total;
}

/**
 * What an attempt said of its cut-off calls; `undefined` for nothing. What it said while a call was under way holds only if
 * it never said how it ended, and only until the turn of that call is recorded.
 */
function cutSpendOf(at: number, { attempts, checkpoints, cutSpends }: CallFacts): CutSpend | undefined {
  const attempt = attempts[at];
  const spend = attempt && cutSpends.get(attempt.epoch);
  if (!spend?.turn) return spend;
  const recorded = attempts[at + 1]?.turns_before ?? checkpoints.length;
  return attempt?.ended === 'lost' && spend.turn > recorded ? spend : undefined;
}

/**
 * Counts the calls that were cut off and made again by a later attempt, and bounds what their first time cost.
 *
 * A lost attempt may have been cut off in a call; nobody knows, so it counts. A call that nobody made again was paid for
 * once at most, and one that went on in the background until a later attempt took it over was made once.
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
    if (!next || !wentOn(next, checkpoints.length) || isTakenOver(attempt, attempts)) continue;
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

/** How many of its calls were cut off, as far as is known. */
export function cutOffIn({ ended, unfinished_calls }: Attempt): number {
  return ended === 'lost' ? 1 : (unfinished_calls ?? 0);
}

/** Tells whether the attempt called the model at all. */
function wentOn(attempt: Attempt, turns: number): boolean {
  return turns > attempt.turns_before || cutOffIn(attempt) > 0;
}

/**
 * The most that the cut-off call of an attempt can have cost. Its input is known from the turn that it came to in the end;
 * else the attempt measured its request, or one that made the same call again did; else the conversation bounds it.
 */
function boundOf(at: number, facts: CallFacts, bounds: CallBounds): Cost {
  const { attempts, checkpoints } = facts;
  const next = attempts[at + 1];
  const again = next && checkpoints[next.turns_before];
  const ofTurn = again?.reply.usage.input_tokens ? bounds.mostCostOf(again.reply.usage.input_tokens) : null;
  if (ofTurn !== null) return ofTurn;
  for (let same = at; same < attempts.length; same++) {
    const measured = cutSpendOf(same, facts)?.max_cost_usd;
    if (typeof measured === 'number') return measured;
  }
  return bounds.maxInputTokens === null ? null : bounds.mostCostOf(bounds.maxInputTokens);
}
