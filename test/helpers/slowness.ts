import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** How long one sample of work takes on an idle processor. */
const SAMPLE_MS = 10;

/**
 * Measures how much slower than an idle machine this machine is while a test runs: elapsed time divided by CPU time.
 * Tests multiply their limits in ms by the maximum, so that the limits measure the code and not other processes.
 */
export function watchSlowness(): { allow: (limitMs: number) => number } {
  const over = new AbortController();
  let worst = slownessNow();
  const watching = (async () => {
    while (!over.signal.aborted) {
      worst = Math.max(worst, slownessNow());
      await new Promise((resolve) => setTimeout(resolve, 100));
      await setImmediate();
    }
  })();
  onTestFinished(async () => {
    over.abort();
    await watching;
  });
  // A reply passes through several processes, and each of them waits for its turn.
  return { allow: (limitMs) => limitMs * (2 * Math.max(worst, slownessNow()) - 1) };
}

function slownessNow(): number {
  const from = performance.now();
  const used = process.cpuUsage();
  const spentMs = () => {
    const { user, system } = process.cpuUsage(used);
    return (user + system) / 1_000;
  };
  while (spentMs() < SAMPLE_MS);
  return Math.max(1, (performance.now() - from) / spentMs());
}
