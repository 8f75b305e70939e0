import { holderIdOf } from '../../base/ids.ts';
import { Redactor } from '../../base/secret.ts';
import { counted, oneLine } from '../../base/text.ts';
import { ErrandError } from '../../errors.ts';
import { type IndexedRow, isOfWorker } from '../../records/row.ts';
import { TaskRecords } from '../../records/task-records.ts';
import { WorkerLedger } from '../../records/worker-ledger.ts';
import { type WorkerOnRecord, WorkerRecords } from '../../records/worker-records.ts';
import { awaitReady, closeRedis, openFailFastRedis, unavailable } from '../../redis/connection.ts';
import { isRedisFault } from '../../redis/faults.ts';
import { stepOf } from '../../worker/holding/releasers.ts';
import { loadConfig, processSecrets } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { redisOf } from '../redis-settings.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';

/** Workers send a heartbeat every 5 s. A worker that is silent for this long is dead, paused or disconnected. */
const SILENT_MS = 30_000;
/** The number of rows read at a time. */
const PAGE = 1_000;

/** An open ledger row as it is printed: what is held, by which worker, since when, and whether the worker is silent. */
type Leak = {
  /** `null` for what a worker holds for several tasks, such as a shared MCP server. */
  task_id: string | null;
  row: string;
  kind: string;
  ref: string;
  status: string;
  worker: string;
  /** The instance of the worker that holds it: a later worker may have the same name. */
  instance: string;
  is_silent: boolean;
  silent_ms: number;
  intent_at: string;
};

/** `close`: the worker whose rows to close. `because`: the reason, stored in the cleanup records. */
type LeaksFlags = { json?: boolean; close?: string; because?: string };

/** The ledgers of tasks, and those of workers. */
type Ledgers = { records: TaskRecords; ledger: WorkerLedger };

/** The number of rows that were closed, and of rows that stay open because this version cannot read them. */
type Closed = { closed: number; unreadable: number };

/**
 * Lists the open rows of the ledger, oldest first. Rows of live workers are work in progress; rows of silent workers
 * are leaks until a sweep closes them. Returns 1 if a silent worker has open rows.
 *
 * With `close`, closes the rows of the silent workers with that name, or of the worker with that instance. This is for
 * a host that is no longer reachable: the cleanup record has the actor `operator` and the reason as its detail. Live
 * workers of the same name keep their rows.
 *
 * @throws ErrandError `WORKER_ALIVE` if every worker with that name is alive, `NOT_FOUND` if there is no such worker,
 * `USAGE_INVALID` for one of the two flags without the other.
 */
export async function leaks({ json = false, close, because }: LeaksFlags, screen: Screen): Promise<number> {
  const reason = reasonOf(close, because);
  const config = loadConfig();
  const redis = openFailFastRedis({ target: redisOf(config, processSecrets()), onError: () => undefined });
  try {
    await awaitReady(redis, 3_000);
    const workers = new WorkerRecords(redis, config.prefix);
    if (close !== undefined) {
      const records = new TaskRecords(redis, config.prefix, new Redactor());
      const ledger = new WorkerLedger(redis, config.prefix, new Redactor());
      const { closed, unreadable } = await closeRowsOf(close, reason, workers, { records, ledger });
      screen.note(closedText(oneLine(close), closed, unreadable));
      return EXIT.ok;
    }
    const found = await openRows(workers);
    const silent = found.filter((leak) => leak.is_silent);
    if (json) for (const leak of found) screen.json(leak);
    else if (found.length > 0) screen.print(table(found.map(rowOf), { width: screen.width }));
    screen.note(openText(found.length, silent.length));
    return silent.length > 0 ? EXIT.failed : EXIT.ok;
  } catch (error) {
    throw isRedisFault(error) ? unavailable(redis, error, config.prefix, 'operator') : error;
  } finally {
    closeRedis(redis);
  }
}

function openText(open: number, silent: number): string {
  if (open === 0) return 'No open rows.';
  if (silent === 0) return `${counted(open, 'open row')}, held by live workers.`;
  return `${counted(open, 'open row')}, ${silent} held by unresponsive workers.`;
}

function closedText(worker: string, closed: number, unreadable: number): string {
  const done = `Closed ${counted(closed, 'row')} of worker "${worker}".`;
  if (unreadable === 0) return done;
  return `${done} ${counted(unreadable, 'row')} stay${unreadable === 1 ? 's' : ''} open: this version cannot read ${unreadable === 1 ? 'it' : 'them'}.`;
}

/** Returns the reason for closing rows. Refuses `--close` and `--because` without each other. */
function reasonOf(close: string | undefined, because: string | undefined): string {
  const reason = because?.trim() ?? '';
  if (close === undefined && because !== undefined) {
    const remedy = 'Add --close WORKER with the name of the worker whose rows to close.';
    throw new ErrandError('USAGE_INVALID', '--because needs --close', { remedy });
  }
  if (close !== undefined && reason === '') {
    const remedy = 'Pass --because "how you know that nothing is left"; it is stored in each task\'s cleanup record.';
    throw new ErrandError('USAGE_INVALID', '--close needs --because with a reason', { remedy });
  }
  return reason;
}

async function closeRowsOf(name: string, reason: string, workers: WorkerRecords, ledgers: Ledgers): Promise<Closed> {
  const isNamed = (worker: WorkerOnRecord) => worker.instance === name || nameOf(worker) === name;
  const named = (await workers.list()).filter(isNamed);
  if (named.length === 0) throw new ErrandError('NOT_FOUND', `no worker with the name or instance "${name}"`);
  const silent = named.filter(({ silentMs }) => silentMs > SILENT_MS);
  if (silent.length === 0) {
    const ago = `${Math.round(Math.min(...named.map(({ silentMs }) => silentMs)) / 1000)} s ago`;
    throw new ErrandError('WORKER_ALIVE', `worker "${name}" is alive: its last heartbeat was ${ago}`);
  }
  const sum = { closed: 0, unreadable: 0 };
  for (const worker of silent) {
    const { closed, unreadable } = await closeRows(worker, reason, workers, ledgers);
    sum.closed += closed;
    sum.unreadable += unreadable;
  }
  return sum;
}

async function closeRows(
  { instance: owner, silentMs }: WorkerOnRecord,
  reason: string,
  workers: WorkerRecords,
  { records, ledger }: Ledgers,
): Promise<Closed> {
  let closed = 0;
  let unreadable = 0;
  const next = () => workers.openRowsOf(owner, PAGE, unreadable);
  for (let rows = await next(); rows.length > 0; rows = await next()) {
    for (const row of rows) {
      if (row.status === 'unreadable') unreadable++;
      else {
        const step = stepOf(row, 'operator', { evidence: 'acknowledged', detail: reason });
        if (isOfWorker(row)) await ledger.release(owner, [step]);
        else await records.release(row.taskId, { owner, steps: [step] });
        closed++;
      }
    }
  }
  await workers.forget(owner, silentMs);
  return { closed, unreadable };
}

async function openRows(workers: WorkerRecords): Promise<Leak[]> {
  const found: Leak[] = [];
  for (const worker of await workers.list()) {
    const { instance, silentMs } = worker;
    const silence = { is_silent: silentMs > SILENT_MS, silent_ms: Math.round(silentMs) };
    const holder = { worker: nameOf(worker), instance, ...silence };
    const pageOf = (from: number) => workers.openRowsOf(instance, PAGE, from);
    for (let rows = await pageOf(0), seen = 0; rows.length > 0; rows = await pageOf(seen)) {
      seen += rows.length;
      for (const row of rows) found.push({ ...leakOf(row, instance), ...holder });
    }
  }
  return found.sort((a, b) => (a.intent_at < b.intent_at ? -1 : 1));
}

/** Formats a row. A row that this version cannot read is shown by its id, which begins with the epoch and the kind. */
function leakOf(row: IndexedRow, worker: string): Omit<Leak, 'worker' | 'instance' | 'is_silent' | 'silent_ms'> {
  const { taskId, id, intentMs } = row;
  const unreadable = { kind: 'unreadable', ref: id, status: 'unreadable', intent_at: new Date(intentMs).toISOString() };
  const { kind, ref, status, intent_at } = row.status === 'readable' ? row.entry : unreadable;
  return { task_id: taskId === holderIdOf(worker) ? null : taskId, row: id, kind, ref, status, intent_at };
}

function nameOf({ identity, instance }: WorkerOnRecord): string {
  return identity?.name ?? instance;
}

function rowOf(leak: Leak): Record<string, string> {
  const ageSeconds = Math.round((Date.now() - Date.parse(leak.intent_at)) / 1000);
  const holder = leak.is_silent ? `silent for ${Math.round(leak.silent_ms / 1000)} s` : 'alive';
  const texts = { task: leak.task_id ?? '-', kind: leak.kind, what: leak.ref, worker: leak.worker };
  const shown = Object.entries(texts).map(([column, text]) => [column, oneLine(text)]);
  return { age: `${ageSeconds} s`, ...Object.fromEntries(shown), holder };
}
