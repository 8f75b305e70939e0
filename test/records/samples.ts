import { isoNow } from '../../src/base/clock.ts';
import { newBatchId, parseTaskId, taskIdOf } from '../../src/base/ids.ts';
import { Redactor } from '../../src/base/secret.ts';
import type { BatchRecord, BatchSummary } from '../../src/contract/batch.ts';
import type { Checkpoint } from '../../src/contract/checkpoint.ts';
import type { CleanupStep } from '../../src/contract/cleanup.ts';
import type { EffectCall } from '../../src/contract/effect-call.ts';
import { type Attempt, Outcome } from '../../src/contract/outcome.ts';
import { NO_USAGE } from '../../src/contract/usage.ts';
import { BatchRecords } from '../../src/records/batch-records.ts';
import { Keys } from '../../src/records/keys.ts';
import { type Checked, checked } from '../../src/records/record-text.ts';
import type { Row } from '../../src/records/row.ts';
import { TaskRecords } from '../../src/records/task-records.ts';
import { WorkerRecords } from '../../src/records/worker-records.ts';
import { freshPrefix, openRedis, storedIn } from '../helpers/redis.ts';
import { givenIn } from './given.ts';

/** How long the records of a sample are kept, in seconds. */
export const RETENTION_SECONDS = 1000;

/** The records of one fresh prefix, with a batch of a few tasks on record. */
export async function openRecords({
  total = 3,
  maxConcurrent,
  prefix = freshPrefix(),
  redis = openRedis(),
}: Options = {}) {
  const redactor = new Redactor();
  const workers = new WorkerRecords(redis, prefix);
  const tasks = new TaskRecords(redis, prefix, redactor);
  const batches = new BatchRecords(redis, prefix, redactor, RETENTION_SECONDS);
  const record = recordOf(newBatchId(), total, maxConcurrent);
  await batches.create(record, 'shared context', 'fingerprint');
  await batches.seal(record.batch_id);
  const taskIds = Array.from({ length: total }, (_, index) => taskIdOf(record.batch_id, index));
  const countOpenRows = () => redis.zcard(new Keys(prefix).openRows('w'));
  return {
    redis,
    prefix,
    keys: new Keys(prefix),
    given: givenIn(prefix, redis),
    stored: storedIn(prefix, redis),
    redactor,
    workers,
    countOpenRows,
    tasks,
    batches,
    record,
    batchId: record.batch_id,
    taskIds,
  };
}

type Options = { total?: number; maxConcurrent?: number; prefix?: string; redis?: ReturnType<typeof openRedis> };

export function recordOf(batchId: string, total: number, maxConcurrent?: number): BatchRecord {
  return {
    version: 1,
    batch_id: batchId,
    name: 'sample',
    total,
    admission: 'batch',
    routes: [{ provider: 'openai', model: 'm', first_index: 0 }],
    ...(maxConcurrent !== undefined && { max_concurrent: maxConcurrent }),
    enqueued_at: isoNow(),
  };
}

/** A succeeded outcome whose answer is `text`. */
export function outcomeOf(taskId: string, text: string): Checked<Outcome> {
  const { batchId, index } = parseTaskId(taskId) ?? { batchId: '', index: 0 };
  return checked(Outcome, {
    version: 1,
    status: 'succeeded',
    batch_id: batchId,
    task_id: taskId,
    index,
    route: null,
    attempts: [],
    turns: 0,
    tool_calls: 0,
    usage: NO_USAGE,
    cost_usd: 0,
    calls_possibly_paid_twice: 0,
    duration_ms: 0,
    ended_at: isoNow(),
    cleanup: { version: 1, steps: [], open: 0 },
    answer: { text, files: [] },
  });
}

export function checkpointOf(turn: number, text = `turn ${turn}`): Checkpoint {
  const reply = { native: null, text, tool_calls: [], stop: 'tools', usage: NO_USAGE, cost_usd: 0 } as const;
  return { version: 1, turn, tool_results: [], reply: { ...reply, tool_calls: [] } };
}

export function effectOf(id: string): EffectCall {
  return { version: 1, id, call_id: 'c', tool: 'send' };
}

export function attemptOf<E extends NonNullable<Attempt['ended']>>(epoch: number, ended: E): Attempt & { ended: E } {
  const at = isoNow();
  return { epoch, worker: 'w', turns_before: 0, started_at: at, ended_at: at, ended };
}

const held = (epoch: number) => ({
  kind: 'workspace' as const,
  ref: '/tmp/w',
  epoch,
  owner: 'w',
  intent_at: '2026-01-01T00:00:00.000Z',
});

export function intentOf(epoch: number, id: string): Omit<Row, 'taskId'> {
  return { id, entry: { status: 'intent', ...held(epoch) } };
}

export function releasedOf(_epoch: number, id: string, detail = 'gone'): CleanupStep {
  const how = { status: 'released', evidence: 'verified', actor: 'owner', detail } as const;
  return { row: id, kind: 'workspace', ref: '/tmp/w', ...how, duration_ms: 0, released_at: isoNow() };
}

export function summaryOf(batchId: string, name: string): BatchSummary {
  return {
    version: 1,
    batch_id: batchId,
    name,
    total: 3,
    counts: { succeeded: 3, failed: 0, rejected: 0, cancelled: 0 },
    usage: NO_USAGE,
    cost_usd: 0,
    unpriced_tasks: 0,
    failures: [],
    cleanup: { released: 0, open: 0 },
    enqueued_at: isoNow(),
    settled_at: isoNow(),
  };
}

/** Opens a task for a worker of another host, which then holds a directory there. */
export async function holdElsewhere(
  tasks: TaskRecords,
  taskId: string,
  { name, instance }: { name: string; instance: string },
): Promise<void> {
  await tasks.open(taskId, 'local', name);
  const at = isoNow();
  const named = { kind: 'workspace', ref: '/gone/with/the/node', epoch: 1, owner: instance } as const;
  await tasks.hold(taskId, 1, [
    { id: '1.workspace', entry: { status: 'acquired', ...named, intent_at: at, acquired_at: at } },
  ]);
}
