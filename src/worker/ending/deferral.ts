import type { Attempt } from '../../contract/outcome.ts';

/** How long a task may be deferred without a new turn. A provider that never accepts the task is a failure too. */
const MAX_WITHOUT_PROGRESS_MS = 24 * 3_600_000;
/** The maximum of one deferral, whatever the provider asks for, so that no task waits without end. */
const MAX_MS = 3_600_000;
/**
 * The minimum of the first deferral, whatever the provider says. It doubles each time up to five minutes. A large batch
 * against a low limit returns often, and every return costs a start.
 */
const FIRST_MS = 1_000;
const MAX_OWN_MS = 300_000;
/** The share of the wait that is added at random, so that tasks that were deferred together do not return together. */
const JITTER = 0.25;
/** A parked task is woken when a place is free. It also checks by itself, in case the wake-up is lost. */
const PARK_MS = 5_000;
const MAX_PARK_MS = 300_000;

/**
 * What a deferral depends on. `turns` are recorded now; times in ms, `now` of the wall clock; `draw` is a random number
 * from 0 to 1.
 */
export type Deferral = {
  past: readonly Attempt[];
  turns: number;
  askedMs: number | undefined;
  now: number;
  draw: number;
};

/**
 * How long to defer a task; `null` if it was deferred for a day without a new turn.
 *
 * Time decides, not a count: 10,000 tasks against 60 requests a minute take hours and many deferrals. Wall clocks are
 * compared, because the first deferral may have been on another machine.
 */
export function deferralMs({ past, turns, askedMs, now, draw }: Deferral): number | null {
  const withoutProgress = past.filter(({ ended, turns_before }) => ended === 'deferred' && turns_before === turns);
  const first = withoutProgress[0];
  const since = first?.first_started_at ?? first?.started_at;
  if (since !== undefined && now - Date.parse(since) >= MAX_WITHOUT_PROGRESS_MS) return null;
  const times = withoutProgress.reduce((sum, attempt) => sum + (attempt.times ?? 1), 0);
  const ownMs = Math.min(FIRST_MS * 2 ** Math.min(times, 20), MAX_OWN_MS);
  const waitMs = Math.min(Math.max(askedMs ?? 0, ownMs), MAX_MS);
  return Math.ceil(waitMs * (1 + draw * JITTER));
}

/**
 * Merges consecutive identical deferrals into one record, to keep the history small: the whole history of a task is
 * read each time.
 */
export function joinDeferrals<A extends Attempt>(attempt: A, before: Attempt | undefined, turns: number): A {
  if (!before || before.turns_before !== turns) return attempt;
  if (attempt.turns_before !== turns || !isPlainDeferral(before) || !isPlainDeferral(attempt)) return attempt;
  const first = before.first_started_at ?? before.started_at;
  return { ...attempt, times: (before.times ?? 1) + 1, first_started_at: first };
}

/** Tells whether a deferral has no open resources and no call that may be billed. */
function isPlainDeferral({ ended, unfinished_calls, call_taken_over_from, cleanup }: Attempt): boolean {
  const isClear = (cleanup?.open ?? 0) === 0 && (unfinished_calls ?? 0) === 0 && call_taken_over_from === undefined;
  return ended === 'deferred' && isClear;
}

/**
 * How long a parked task sleeps unless it is woken. It sleeps longer if many tasks wait, because each check costs a
 * start.
 */
export function parkMs(waiting: number): number {
  return Math.min(PARK_MS * (1 + waiting / 100), MAX_PARK_MS);
}
