import type { Question, Reading, Surroundings } from '../protocol.ts';

/** Often enough to meet a peak that lasts a second, and seldom enough not to weigh on what is measured. */
const SAMPLE_MS = 100;

/** What the runner handed to this process. */
export function surroundings(): Surroundings {
  return JSON.parse(process.argv[2] ?? '{}') as Surroundings;
}

/**
 * Answers the runner until it lets go of this process, and then ends it.
 *
 * `inFlight` counts what is under way, for the peaks; `run` works through goals, where this process is given them.
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
