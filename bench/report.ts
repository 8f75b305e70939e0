import type { Memory } from './memory.ts';
import type { Round } from './rounds.ts';

/** All measurements, in their order. */
export type Measurements = {
  errand: Round[];
  plain: Round[];
  /** The plain flow whose calls Errand's own model makes. */
  plainSameCall: Round[];
  pool: Round[];
  /** Tasks whose answer comes after 200 ms. */
  memory: Memory[];
  /** Tasks whose streams stay open for seconds, so that all are in their model call at once. */
  memoryOfStreams: Memory[];
};

/** The median of some figures, with their minimum and maximum. */
export type Spread = { median: number; min: number; max: number };

/** Sums figures up; of an even number of them, the median is the mean of the middle two. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (place: number) => sorted[place] ?? Number.NaN;
  const median = (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/**
 * The figures of the bench, by the names of its JSON. A ratio is taken round by round, between neighbours in time, so
 * that a machine that slows down changes it little.
 */
export function figuresOf(measured: Measurements): Record<string, Spread> {
  const { errand, plain, plainSameCall, pool, memory, memoryOfStreams } = measured;
  return {
    tasks_per_s: spreadOf(errand.map((round) => round.tasksPerS)),
    tasks_per_s_plain_bullmq: spreadOf(plain.map((round) => round.tasksPerS)),
    tasks_per_s_plain_bullmq_same_call: spreadOf(plainSameCall.map((round) => round.tasksPerS)),
    tasks_per_s_pool: spreadOf(pool.map((round) => round.tasksPerS)),
    ratio_to_plain_bullmq: spreadOf(ratios(errand, plain)),
    ratio_to_plain_bullmq_same_call: spreadOf(ratios(errand, plainSameCall)),
    ratio_to_pool: spreadOf(ratios(errand, pool)),
    cpu_ms_per_task: spreadOf(errand.map((round) => round.cpuMs)),
    cpu_ms_per_task_plain_bullmq: spreadOf(plain.map((round) => round.cpuMs)),
    cpu_ms_per_task_plain_bullmq_same_call: spreadOf(plainSameCall.map((round) => round.cpuMs)),
    cpu_ms_per_task_pool: spreadOf(pool.map((round) => round.cpuMs)),
    redis_bytes_per_task: spreadOf(errand.map((round) => round.redisBytes)),
    redis_bytes_per_task_plain_bullmq: spreadOf(plain.map((round) => round.redisBytes)),
    tasks_in_flight: spreadOf(memory.map(({ inFlight }) => inFlight)),
    rss_kb_per_task_in_flight: spreadOf(memory.map(kilobytesPerTask)),
    rss_mb_at_1000_in_flight: spreadOf(memory.map(({ peak }) => peak / 2 ** 20)),
    rss_mb_at_rest: spreadOf(memory.map(({ base }) => base / 2 ** 20)),
    rss_kb_per_open_stream: spreadOf(memoryOfStreams.map(kilobytesPerTask)),
    rss_mb_at_1000_open_streams: spreadOf(memoryOfStreams.map(({ peak }) => peak / 2 ** 20)),
  };
}

/** Returns the figures as lines of text: median, minimum and maximum of each. */
export function tableOf(figures: Record<string, Spread>): string {
  const lines = Object.entries(figures).map(([name, { median, min, max }]) =>
    [name.padEnd(40), short(median).padStart(9), `  (${short(min)} – ${short(max)})`].join(''),
  );
  return [`${''.padEnd(40)}${'median'.padStart(9)}  (min – max)`, ...lines].join('\n');
}

/** The medians alone, by name: the JSON of the bench. */
export function mediansOf(figures: Record<string, Spread>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, { median }]) => [name, Number(short(median))]));
}

function ratios(of: readonly Round[], to: readonly Round[]): number[] {
  return of.map(({ tasksPerS }, at) => tasksPerS / (to[at]?.tasksPerS ?? Number.NaN));
}

function kilobytesPerTask({ base, peak, inFlight }: Memory): number {
  return (peak - base) / 1024 / inFlight;
}

function short(figure: number): string {
  return figure.toFixed(Math.abs(figure) < 10 ? 3 : Math.abs(figure) < 100 ? 1 : 0);
}
