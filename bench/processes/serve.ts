import type { Question, Reading, Surroundings } from '../protocol.ts';

/** Often enough to see a peak of one second, and rare enough not to change the figures. */
const SAMPLE_MS = 100;

/** The argument that the runner gave to this process. */
export function surroundings(): Surroundings {
  return JSON.parse(process.argv[2] ?? '{}') as Surroundings;
}

/**
 * Answers the runner until the runner disconnects, and then ends the process.
 *
 * `inFlight` returns the number of running tasks, for the peaks. `run` works through goals, if the process gets goals.
 */
export function serve(
  greeting: unknown,
  { inFlight, run }: { inFlight?: () => number; run?: (goals: string[]) => Promise<void> } = {},
): void {
  const peaks = { rss: 0, inFlight: 0 };
  const sample = () => {
    peaks.rss = Math.max(peaks.rss, process.memoryUsage.rss());
    peaks.inFlight = Math.max(peaks.inFlight, inFlight?.() ?? 0);
  };
  if (inFlight) setInterval(sample, SAMPLE_MS);
  const read = (): Reading => {
    sample();
    const { user, system } = process.cpuUsage();
    const reading = {
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
      peakRssBytes: peaks.rss,
      peakInFlight: peaks.inFlight,
    };
    Object.assign(peaks, { rss: 0, inFlight: 0 });
    return reading;
  };
  process.on('message', async (question: Question) => {
    if (question.ask === 'run') await run?.(question.goals);
    process.send?.(question.ask === 'reading' ? read() : {});
  });
  process.once('disconnect', () => process.exit());
  process.send?.(greeting);
}
