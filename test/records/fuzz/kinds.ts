import { Announcement } from '../../../src/contract/announcement.ts';
import { AdmissionVerdict, BatchRecord, BatchSummary, CancelFlag } from '../../../src/contract/batch.ts';
import { BackgroundResponse, Checkpoint } from '../../../src/contract/checkpoint.ts';
import { CleanupStep, LedgerRow } from '../../../src/contract/cleanup.ts';
import { EffectCall } from '../../../src/contract/effect-call.ts';
import { ErrandEvent } from '../../../src/contract/events.ts';
import { type Contract, contract } from '../../../src/contract/fits.ts';
import { Attempt, Beside, Outcome } from '../../../src/contract/outcome.ts';
import { CutSpend } from '../../../src/contract/spend.ts';
import { Takers } from '../../../src/contract/takers.ts';
import { TaskJob } from '../../../src/contract/task.ts';
import { WorkerIdentity } from '../../../src/contract/worker-identity.ts';
import type { Keys } from '../../../src/records/keys.ts';

/** A task whose records are forged, with a worker that lives. */
export type Victim = { batchId: string; taskId: string; index: number; provider: string; instance: string };

/** The place of a value in Redis. A value for a list replaces its first entry, or becomes it. */
export type Place = { type: 'hash'; key: string; field: string } | { type: 'list' | 'string' | 'channel'; key: string };

/** A kind of stored JSON: its schema, and its place for a victim. */
export type RecordKind = {
  name: string;
  schema: Contract<unknown>;
  place: (keys: Keys, victim: Victim, prefix: string) => Place;
};

const hash = (key: string, field: string): Place => ({ type: 'hash', key, field });

/** Every kind of JSON that workers read from Redis. */
export const RECORD_KINDS: readonly RecordKind[] = [
  {
    name: 'task job',
    schema: TaskJob,
    place: (_, { taskId, provider }, prefix) => hash(`${prefix}:tasks-${provider}:${taskId}`, 'data'),
  },
  { name: 'batch', schema: BatchRecord, place: (keys, { batchId }) => hash(keys.batch(batchId), 'data') },
  { name: 'admission', schema: AdmissionVerdict, place: (keys, { batchId }) => hash(keys.batch(batchId), 'admission') },
  { name: 'cancel flag', schema: CancelFlag, place: (keys, { batchId }) => hash(keys.batch(batchId), 'cancel') },
  {
    name: 'cancel flag of a task',
    schema: CancelFlag,
    place: (keys, { batchId, index }) => hash(keys.batch(batchId), `cancel:${index}`),
  },
  { name: 'summary', schema: BatchSummary, place: (keys, { batchId }) => hash(keys.batch(batchId), 'summary') },
  { name: 'beside the summary', schema: Beside, place: (keys, { batchId }) => hash(keys.batch(batchId), 'summary+') },
  { name: 'outcome', schema: Outcome, place: (keys, { batchId, index }) => hash(keys.outcomes(batchId), `${index}`) },
  {
    name: 'cleanup step of an outcome',
    schema: CleanupStep,
    place: (keys, { batchId, index }) => hash(keys.outcomes(batchId), `${index}+`),
  },
  {
    name: 'beside the outcome',
    schema: Beside,
    place: (keys, { batchId, index }) => hash(keys.outcomes(batchId), `${index}:beside`),
  },
  { name: 'attempt', schema: Attempt, place: (keys, { taskId }) => hash(keys.task(taskId), 'a1') },
  { name: 'spend', schema: CutSpend, place: (keys, { taskId }) => hash(keys.task(taskId), 'spend1') },
  { name: 'response', schema: BackgroundResponse, place: (keys, { taskId }) => hash(keys.task(taskId), 'response') },
  { name: 'checkpoint', schema: Checkpoint, place: (keys, { taskId }) => ({ type: 'list', key: keys.turns(taskId) }) },
  {
    name: 'cleanup step',
    schema: CleanupStep,
    place: (keys, { taskId }) => ({ type: 'list', key: keys.released(taskId) }),
  },
  { name: 'effect', schema: EffectCall, place: (keys, { taskId }) => hash(keys.effects(taskId), '1.1') },
  { name: 'ledger row', schema: LedgerRow, place: (keys, { taskId }) => hash(keys.ledger(taskId), '1.client.forged') },
  { name: 'identity', schema: WorkerIdentity, place: (keys, { instance }) => hash(keys.workers(), instance) },
  {
    name: 'announcement',
    schema: Announcement,
    place: (keys, { instance }) => ({ type: 'string', key: keys.serves(instance) }),
  },
  { name: 'takers', schema: Takers, place: (keys, { instance }) => ({ type: 'string', key: keys.takers(instance) }) },
  {
    name: 'event',
    schema: contract(ErrandEvent),
    place: (keys, { batchId }) => ({ type: 'channel', key: keys.events(batchId) }),
  },
];
