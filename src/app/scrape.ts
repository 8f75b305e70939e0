import type { Consumer } from '../queue/consumer.ts';
import type { WorkerRecords } from '../records/worker-records.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** What Redis is asked at a scrape; of its lanes only while the worker takes tasks, since a drain closes them. */
type Asked = { workers: WorkerRecords; lanes: Consumer | undefined };

/** Collects the metrics, with what is open in the ledger and what the lanes hold where Redis can be asked. */
export async function scrape(
  telemetry: Telemetry,
  asked: Asked | null,
): Promise<{ contentType: string; text: string }> {
  const { registry, ledgerOpenRows, laneJobs } = telemetry.metrics;
  if (asked) {
    const known = await asked.workers.list();
    ledgerOpenRows.set(known.reduce((sum, worker) => sum + worker.openRows, 0));
    const lanes = asked.lanes?.isTaking ? await asked.lanes.laneJobs() : [];
    for (const { provider, ...states } of lanes) {
      for (const [state, count] of Object.entries(states)) laneJobs.set({ provider, state }, count);
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() };
}
