import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** How long one sample of work takes on a processor of its own. */
const SAMPLE_MS = 10;

/**
 * Measures how much slower this machine is than an idle one while a test runs: the time that work takes over the time that a
 * processor spends on it. Limits in ms are multiplied with the worst of it, so that they hold for the code and not for what
 * else runs beside it.
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
  // A reply passes through some processes, each of which waits for its turn.
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
