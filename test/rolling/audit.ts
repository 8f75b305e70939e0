import type { Outcome } from '../../src/contract/outcome.ts';
import type { RemoteProducer } from './remote-producer.ts';
import { answerOf, type RollingBatch } from './workload.ts';

/** A batch that a producer enqueued. */
export type Enqueued = RollingBatch & { batchId: string; number: number };

/** A task that did not succeed and was not cancelled, with its code and who ran its attempts. */
export type FailedTask = { batch: number; index: number; code: string; message: string; attempts: string[] };

/** The findings of readers of both versions. All but `tasks`, `crossed`, `ended` and `crash_loops` must be 0. */
export type Audit = {
  tasks: number;
  /** Tasks with attempts in workers of both versions. */
  crossed: number;
  /** Number of tasks by status. */
  ended: Record<string, number>;
  lost: number;
  /** Calls of a reader that failed, and outcomes that it could not read. */
  unreadable: number;
  task_invalid: number;
  /** Tasks that failed although only workers were replaced. */
  failed: number;
  /**
   * Tasks that failed as `CRASH_LOOP` because the check killed their worker three times before they completed a turn. No
   * worker can tell such a kill from a task that crashes its worker, so this code is the documented result.
   */
  crash_loops: number;
  failures: FailedTask[];
  /** Records in which the earlier version reads a value that this version does not. */
  different: number;
  wrong_answers: number;
};

/** Two producers, one of each version. */
export type Readers = { earlier: RemoteProducer; present: RemoteProducer };

/** Makes an empty audit. */
export function emptyAudit(): Audit {
  const zeros = { lost: 0, unreadable: 0, task_invalid: 0, failed: 0, crash_loops: 0, different: 0, wrong_answers: 0 };
  return { tasks: 0, crossed: 0, ended: {}, ...zeros, failures: [] };
}

/** What an audit needs. `killed`: the names of the workers that the check has killed. `tell` gets every finding. */
export type Auditing = { readers: Readers; audit: Audit; killed: ReadonlySet<string>; tell: (line: string) => void };

/** Reads a settled batch with both versions, and counts. */
export async function auditBatch(batch: Enqueued, auditing: Auditing): Promise<void> {
  const { readers, audit, tell } = auditing;
  const read = (reader: RemoteProducer) =>
    Promise.all([reader.status(batch.batchId), reader.settled(batch.batchId), reader.outcomes(batch.batchId)]);
  const [earlier, present] = await Promise.allSettled([read(readers.earlier), read(readers.present)]);
  for (const [name, result] of Object.entries({ earlier, present })) {
    if (result.status === 'fulfilled') continue;
    audit.unreadable++;
    tell(`batch ${batch.number}, read by the ${name} version: ${result.reason}`);
  }
  if (earlier.status !== 'fulfilled' || present.status !== 'fulfilled') return;
  const [[status, summary, outcomes], theirs] = [present.value, earlier.value];
  if (!isWithin(theirs, [status, summary, outcomes])) {
    audit.different++;
    tell(`batch ${batch.number} reads differently: ${JSON.stringify(theirs)} and ${JSON.stringify(present.value)}`);
  }
  const total = batch.input.tasks.length;
  audit.tasks += total;
  audit.lost += total - outcomes.length;
  if (status.status !== 'settled' || summary.total !== total) audit.lost++;
  for (const outcome of outcomes) countOutcome(outcome, batch, auditing);
}

/** Returns whether the present reading has every value of the earlier reading; it may have more. */
export function isWithin(earlier: unknown, present: unknown): boolean {
  if (typeof earlier !== 'object' || earlier === null) return Object.is(earlier, present);
  if (typeof present !== 'object' || present === null || Array.isArray(earlier) !== Array.isArray(present))
    return false;
  if (Array.isArray(earlier) && Array.isArray(present) && earlier.length !== present.length) return false;
  const found = new Map(Object.entries(present));
  return Object.entries(earlier).every(([name, value]) => found.has(name) && isWithin(value, found.get(name)));
}

function countOutcome(outcome: Outcome, batch: Enqueued, { audit, killed, tell }: Auditing): void {
  const { status, index, attempts } = outcome;
  audit.ended[status] = (audit.ended[status] ?? 0) + 1;
  const versions = new Set(attempts.map(({ worker }) => worker.replace(/-\d+$/, '')));
  if (versions.size > 1) audit.crossed++;
  const code = status === 'succeeded' ? null : outcome.failure.code;
  if (code === 'TASK_INVALID') audit.task_invalid++;
  if (code === 'RECORD_UNREADABLE') audit.unreadable++;
  if (status === 'succeeded' && outcome.answer.text !== answerOf(batch.number, index)) audit.wrong_answers++;
  if (status === 'succeeded' || (status === 'cancelled' && batch.isCancelled)) return;
  const { code: failureCode, message } = outcome.failure;
  const told = attempts.map(({ worker, ended }) => `${worker}${killed.has(worker) ? ' (killed)' : ''}: ${ended}`);
  audit.failures.push({ batch: batch.number, index, code: failureCode, message, attempts: told });
  if (isKilledThrice(outcome, killed)) audit.crash_loops++;
  else audit.failed++;
  tell(`batch ${batch.number}, task ${index}: ${JSON.stringify(outcome)}`);
}

/** Returns whether a task ended as a crash loop, and each of its crashes was the end of a worker that the check killed. */
export function isKilledThrice(outcome: Outcome, killed: ReadonlySet<string>): boolean {
  if (outcome.status === 'succeeded' || outcome.failure.code !== 'CRASH_LOOP') return false;
  const crashed = outcome.attempts.filter(({ ended, failure }) => ended === 'lost' && failure === undefined);
  return crashed.length >= 3 && crashed.every(({ worker }) => killed.has(worker));
}
