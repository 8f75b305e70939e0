/** A task that was deferred this often ends: a provider that never lets it in is a failure too. */
const MOST_DEFERRALS = 50;
/** The longest a task is put off at a time, whatever a provider asks for: nothing waits for ever. */
const LONGEST_MS = 3_600_000;
/** How long a task waits where a provider says "too many" but not how long; doubles each time up to a minute. */
const FIRST_MS = 1_000;
const LONGEST_OWN_MS = 60_000;
/** A parked task is woken as soon as there is a place; this is the net under a wake-up that got lost. */
const PARK_MS = 5_000;
const LONGEST_PARK_MS = 300_000;

/** How long to put a task off that was deferred `deferrals` times before, or `null` where it has been enough. */
export function deferralMs(deferrals: number, askedMs: number | undefined): number | null {
  if (deferrals >= MOST_DEFERRALS) return null;
  const ownMs = Math.min(FIRST_MS * 2 ** Math.min(deferrals, 10), LONGEST_OWN_MS);
  return Math.min(askedMs ?? ownMs, LONGEST_MS);
}

/** How long a parked task sleeps unless it is woken; longer where many wait, because each look costs a start. */
export function parkMs(waiting: number): number {
  return Math.min(PARK_MS * (1 + waiting / 100), LONGEST_PARK_MS);
}
