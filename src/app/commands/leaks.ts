import { awaitReady, closeRedis, openHastyRedis } from '../../queue/connection.ts';
import { WorkerRecords } from '../../records/worker-records.ts';
import { redisUrlOf } from '../compose-producer.ts';
import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';

/** A worker that beats every 5 s and has been silent for so long is dead, paused or cut off. */
const SILENT_MS = 30_000;
const ROWS_PER_WORKER = 1_000;

/** An open ledger row as it is told: what is held, by whom, since when, and whether its holder gives a sign of life. */
type Leak = {
  task_id: string;
  row: string;
  kind: string;
  ref: string;
  status: string;
  worker: string;
  is_silent: boolean;
  silent_ms: number;
  intent_at: string;
};

/**
 * Lists the open rows of the ledger, the oldest first. Rows of workers that live are work under way; those of silent
 * ones are leaks until a sweep closes them. Returns 1 where there are such.
 */
export async function leaks({ json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const config = loadConfig();
  const redis = openHastyRedis({ url: redisUrlOf(config), onError: () => undefined });
  try {
    await awaitReady(redis, 3_000);
    const found = await openRows(new WorkerRecords(redis, config.prefix));
    const silent = found.filter((leak) => leak.is_silent);
    if (json) for (const leak of found) screen.print(JSON.stringify(leak));
    else if (found.length > 0) screen.print(table(found.map(rowOf), { width: screen.width }));
    screen.note(`${found.length} rows are open, ${silent.length} of them held by workers that give no sign of life.`);
    return silent.length > 0 ? EXIT.failed : EXIT.ok;
  } finally {
    closeRedis(redis);
  }
}

async function openRows(workers: WorkerRecords): Promise<Leak[]> {
  const found: Leak[] = [];
  for (const { identity, silentMs } of await workers.list()) {
    for (const { taskId, id, row } of await workers.openRowsOf(identity.instance, ROWS_PER_WORKER)) {
      const { kind, ref, status, intent_at } = row;
      const holder = { worker: identity.name, is_silent: silentMs > SILENT_MS, silent_ms: Math.round(silentMs) };
      found.push({ task_id: taskId, row: id, kind, ref, status, ...holder, intent_at });
    }
  }
  return found.sort((a, b) => (a.intent_at < b.intent_at ? -1 : 1));
}

function rowOf(leak: Leak): Record<string, string> {
  const ageSeconds = Math.round((Date.now() - Date.parse(leak.intent_at)) / 1000);
  const holder = leak.is_silent ? `silent for ${Math.round(leak.silent_ms / 1000)} s` : 'alive';
  return { age: `${ageSeconds} s`, task: leak.task_id, kind: leak.kind, what: leak.ref, worker: leak.worker, holder };
}
