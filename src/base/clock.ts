import { setTimeout as delay } from 'node:timers/promises';

/** The last millisecond that was written as text: a busy worker asks about fifteen times in each. */
const written = { ms: Number.NaN, text: '' };

/** Wall-clock time for records, as ISO 8601 in UTC. Never subtract two of these: the wall clock may jump. */
export function isoNow(): string {
  const ms = Date.now();
  if (ms !== written.ms) Object.assign(written, { ms, text: new Date(ms).toISOString() });
  return written.text;
}

/** Monotonic milliseconds, for measuring and for deadlines. Meaningless outside this process. */
export function monotonicMs(): number {
  return performance.now();
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as the signal aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}
