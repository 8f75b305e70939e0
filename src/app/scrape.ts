import type { Consumer } from '../queue/consumer.ts';
import type { WorkerRecords } from '../records/worker-records.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { McpServers } from '../tools/mcp/servers.ts';

/**
 * The sources of the counts that a scrape reads from Redis. It reads the lanes only while the worker takes tasks,
 * because a drain closes them.
 */
type Asked = { workers: WorkerRecords; lanes: Consumer | undefined };

/**
 * Collects the metrics. If Redis answers, they include the open rows of the ledger and the jobs of the lanes. Counts
 * that cannot be read now are left out, because an old count would mislead.
 */
export async function scrape(
  metrics: Metrics,
  mcp: McpServers,
  asked: Asked | null,
): Promise<{ contentType: string; text: string }> {
  const { registry, ledgerOpenRows, laneJobs, mcpWaiting } = metrics;
  mcpWaiting.set(mcp.waiting);
  const known = await asked?.workers.list();
  const lanes = asked?.lanes?.isTaking ? await asked.lanes.laneJobs() : [];
  ledgerOpenRows.set(known?.reduce((sum, worker) => sum + worker.openRows, 0) ?? null);
  laneJobs.replace(
    lanes.flatMap(({ provider, ...states }) =>
      Object.entries(states).map(([state, value]) => ({ labels: { provider, state }, value })),
    ),
  );
  return { contentType: registry.contentType, text: await registry.metrics() };
}
