import { setTimeout as delay } from 'node:timers/promises';

/** Wall-clock time for records, as ISO 8601 in UTC. Never subtract two of these: the wall clock may jump. */
export function isoNow(): string {
  return new Date().toISOString();
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
