import { createMetrics } from '../src/telemetry/metrics.ts';
import { code, tableOf } from './markdown-table.ts';

/** Returns every metric of a worker with its type and labels, in one table. */
export function metricList(): string[] {
  const rows = createMetrics()
    .registry.getMetricsAsArray()
    .map((metric) => {
      const labels = 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [];
      return [code(metric.name), metric.constructor.name.toLowerCase(), labels.map(code).join(', '), metric.help];
    });
  return tableOf([['metric', 'type', 'labels', 'meaning'], ...rows]);
}
