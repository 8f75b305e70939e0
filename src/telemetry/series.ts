import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The label value that replaces every value outside the closed set of a label. */
export const OTHER = 'other';

/**
 * The maximum number of label combinations of one metric. Samples with further combinations are counted together, with
 * `other` for every label.
 */
export const MAX_SERIES = 1_000;

/** Maps a label value to a closed set. `labels` are all labels of the sample, as given. */
export type LabelSet = (value: string, labels: Readonly<Record<string, string>>) => string;

/** Makes the closed set of these values. */
export function oneOf(values: Iterable<string>): LabelSet {
  const known = new Set(values);
  return (value) => (known.has(value) ? value : OTHER);
}

type Values<L extends string> = Readonly<Record<L, string>>;

/**
 * The labels of one metric. Bounds every label value before it reaches the registry, which keeps a series until the
 * process ends.
 */
class Labels<L extends string> {
  readonly names: L[];
  readonly #sets: Record<L, LabelSet>;
  readonly #series = new Set<string>();

  constructor(sets: Record<L, LabelSet>) {
    this.names = Object.keys(sets) as L[];
    this.#sets = sets;
  }

  /** Returns labels from the closed sets. All are `other` if the metric already has the maximum number of series. */
  bounded(given: Values<L>): Record<L, string> {
    const labels = {} as Record<L, string>;
    let series = '';
    for (const name of this.names) {
      labels[name] = this.#sets[name](given[name], given);
      series += `${labels[name]}\n`;
    }
    if (this.#series.has(series)) return labels;
    if (this.#series.size >= MAX_SERIES) return this.#others();
    this.#series.add(series);
    return labels;
  }

  clear(): void {
    this.#series.clear();
  }

  #others(): Record<L, string> {
    return Object.fromEntries(this.names.map((name) => [name, OTHER])) as Record<L, string>;
  }
}

/** A counter with labels: `inc` adds to one series. */
export type LabelledCounter<L extends string> = { inc: (labels: Values<L>, by?: number) => void };

/** A histogram with labels: `observe` adds one value to one series. */
export type LabelledHistogram<L extends string> = { observe: (labels: Values<L>, value: number) => void };

/** A gauge with labels: `replace` sets the series of all samples and removes all other series. */
export type LabelledGauge<L extends string> = {
  replace: (samples: readonly { labels: Values<L>; value: number }[]) => void;
};

/** A gauge without labels. It has no series while its value is `null`, which means unknown. */
export type PlainGauge = { inc: () => void; dec: () => void; set: (value: number | null) => void };

/** Makes metrics. All metrics are made here, so every label has a closed set. */
export class MetricTable {
  readonly registry = new Registry();
  readonly #registers = [this.registry];

  counter(name: string, help: string): Counter<never> {
    return new Counter({ name, help, registers: this.#registers });
  }

  counterBy<L extends string>(name: string, help: string, sets: Record<L, LabelSet>): LabelledCounter<L> {
    const labels = new Labels(sets);
    const counter = new Counter({ name, help, labelNames: labels.names, registers: this.#registers });
    return { inc: (given, by = 1) => counter.inc(labels.bounded(given), by) };
  }

  histogramBy<L extends string>(
    { name, help, buckets }: { name: string; help: string; buckets: number[] },
    sets: Record<L, LabelSet>,
  ): LabelledHistogram<L> {
    const labels = new Labels(sets);
    const histogram = new Histogram({ name, help, buckets, labelNames: labels.names, registers: this.#registers });
    return { observe: (given, value) => histogram.observe(labels.bounded(given), value) };
  }

  gauge(name: string, help: string): PlainGauge {
    const gauge = new Gauge({ name, help, registers: this.#registers });
    return {
      inc: () => gauge.inc(),
      dec: () => gauge.dec(),
      set: (value) => (value === null ? gauge.remove() : gauge.set(value)),
    };
  }

  gaugeBy<L extends string>(name: string, help: string, sets: Record<L, LabelSet>): LabelledGauge<L> {
    const labels = new Labels(sets);
    const gauge = new Gauge({ name, help, labelNames: labels.names, registers: this.#registers });
    return {
      replace: (samples) => {
        gauge.reset();
        labels.clear();
        for (const { labels: given, value } of samples) gauge.inc(labels.bounded(given), value);
      },
    };
  }
}
