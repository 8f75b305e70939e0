/** The addresses that a process of the bench needs, and its concurrency. It is the first argument of the process. */
export type Surroundings = {
  redisUrl: string;
  simulatorUrl: string;
  /** Tasks at a time. */
  concurrency: number;
  /** The request of Errand, which the other contenders send too. `null` until Errand has made one. */
  request: Record<string, unknown> | null;
  /** What makes the calls of the other contenders: the unchanged SDK, or Errand's own model with the same SDK. */
  caller: 'sdk' | 'errand';
};

/** A question of the runner: for a reading, or (the pool only) to work through goals. */
export type Question = { ask: 'reading' } | { ask: 'run'; goals: string[] };

/** The resources that a process used. Peaks count from the previous reading. */
export type Reading = { cpuMs: number; rssBytes: number; peakRssBytes: number; peakInFlight: number };
