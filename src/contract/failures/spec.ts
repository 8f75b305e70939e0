/** The parties that can cause a failure. */
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

/** The party that caused a failure: one of {@link ORIGINS}. */
export type Origin = (typeof ORIGINS)[number];

/**
 * What happens next to a task that failed.
 *
 * - `retry`: it runs again after a back-off; this uses one of its tries.
 * - `discard`: it has ended, because another run would not help.
 * - `defer`: it runs again at a known time; this uses no try.
 * - `requeue`: it goes to the head of its lane at once; this uses no try.
 * - `surrender`: another worker owns the task now; write nothing.
 */
export type Disposition = 'retry' | 'discard' | 'defer' | 'requeue' | 'surrender';

/** One row of the table of failures: its origin, what happens next, what it means, and what to do about it. */
export type FailureSpec = { origin: Origin; disposition: Disposition; means: string; remedy: string };
