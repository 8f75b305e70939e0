/** Where everything is that a process of the bench needs, and how wide it works. Handed over as its first argument. */
export type Surroundings = {
  redisUrl: string;
  simulatorUrl: string;
  /** Tasks at a time. */
  concurrency: number;
  /** The request of Errand, which the other contenders send too. `null` until Errand has made one. */
  request: Record<string, unknown> | null;
  /** What makes the calls of the other contenders: the SDK as it comes, or Errand's own model behind the same SDK. */
  caller: 'sdk' | 'errand';
};

/** What the runner asks a process: how it is doing, or (the pool only) to work through goals. */
export type Question = { ask: 'reading' } | { ask: 'run'; goals: string[] };

/** What a process used. Peaks count from the reading before. */
export type Reading = { cpuMs: number; rssBytes: number; peakRssBytes: number; peakInFlight: number };
