/** Who a failure may be traced to. */
export const ORIGINS = [
  'input',
  'credential',
  'provider',
  'child',
  'budget',
  'attempt',
  'infrastructure',
  'internal',
] as const;

/** Who a failure is traced to: one of {@link ORIGINS}. */
export type Origin = (typeof ORIGINS)[number];

/**
 * What should happen next to the task that met a failure.
 *
 * - `retry`: run it again after a back-off; spends one of its attempts.
 * - `discard`: it has ended; running it again would not help.
 * - `defer`: run it again at a known time; spends no attempt.
 * - `requeue`: it goes to the head of its lane at once; spends no attempt.
 * - `surrender`: another worker owns the task now; write nothing.
 */
export type Disposition = 'retry' | 'discard' | 'defer' | 'requeue' | 'surrender';

/** One row of the table of failures: whose it is, what it means, what happens next, and what a person can do about it. */
export type FailureSpec = { origin: Origin; disposition: Disposition; means: string; remedy: string };
