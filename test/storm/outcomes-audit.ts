import type { Attempt, Outcome } from '../../src/contract/outcome.ts';
import type { Producer } from '../../src/producer/producer.ts';
import type { Accepted } from './attack.ts';
import type { AskedEffect } from './effects.ts';
import { batchOf, type Expected, tagOf } from './workload.ts';

/** Codes that say that the queue lost the task, though the batch has settled over it. */
const LOST_CODES: readonly string[] = ['ATTEMPT_STALLED_OUT', 'ENQUEUE_INCOMPLETE'];

/** What the outcomes of all batches come to. */
export type OutcomesAudit = {
  unsettled: number;
  lost: number;
  duplicateFinals: number;
  /** Tasks that succeeded with another text or other files than they were told to write. */
  wrongAnswers: number;
  ended: Record<Outcome['status'], number>;
  failures: Record<string, number>;
  /** The outcomes of tasks with more than one attempt, by tag: those of which a call may have been paid twice. */
  startedOver: Map<string, Outcome>;
  /** From each SIGKILL to the next start of each task that ran there, in milliseconds. */
  recoveriesMs: number[];
  /** The effects that tasks asked for, each with the outcome of its task. */
  effects: AskedEffect[];
  /** Steps of cleanup records that do not say how sure it is that the resource is gone. */
  rowsWithoutEvidence: number;
  /** What is on record of each task that was lost or answered wrongly. */
  suspects: string[];
};

/** Reads every outcome through the producer, and compares it with what the storm asked for. */
export async function auditOutcomes(
  producer: Producer,
  accepted: readonly Accepted[],
  seed: number,
  killedAt: ReadonlyMap<string, number>,
): Promise<OutcomesAudit> {
  const audit: OutcomesAudit = {
    unsettled: 0,
    lost: 0,
    duplicateFinals: 0,
    wrongAnswers: 0,
    ended: { succeeded: 0, failed: 0, rejected: 0, cancelled: 0 },
    failures: {},
    startedOver: new Map(),
    recoveriesMs: [],
    effects: [],
    rowsWithoutEvidence: 0,
    suspects: [],
  };
  for (const { number, batchId, total } of accepted) {
    const status = await producer.status(batchId);
    const outcomes = await Array.fromAsync(producer.outcomes(batchId));
    const { expected } = batchOf(seed, number);
    if (status.status !== 'settled') audit.unsettled++;
    audit.lost += total - outcomes.length;
    // The counters go up with every terminal record, the outcomes are one field a task.
    audit.duplicateFinals += Math.max(0, status.ended - outcomes.length);
    for (const outcome of outcomes) note(audit, outcome, number, expected[outcome.index], killedAt);
  }
  return audit;
}

function note(
  audit: OutcomesAudit,
  outcome: Outcome,
  batch: number,
  expected: Expected | undefined,
  killedAt: ReadonlyMap<string, number>,
): void {
  audit.ended[outcome.status]++;
  if (outcome.status === 'failed') {
    const { code } = outcome.failure;
    audit.failures[code] = (audit.failures[code] ?? 0) + 1;
    if (LOST_CODES.includes(code)) {
      audit.lost++;
      audit.suspects.push(JSON.stringify(outcome));
    }
  }
  if (outcome.status === 'succeeded' && !isAsExpected(outcome, expected)) {
    audit.wrongAnswers++;
    audit.suspects.push(JSON.stringify(outcome));
  }
  const effect = expected?.effect;
  if (effect) audit.effects.push({ effect, outcome });
  audit.rowsWithoutEvidence += outcome.cleanup.steps.filter(({ evidence }) => evidence === 'unknown').length;
  if (outcome.attempts.length > 1) audit.startedOver.set(tagOf(batch, outcome.index), outcome);
  audit.recoveriesMs.push(...recoveriesOf(outcome.attempts, killedAt));
}

function isAsExpected({ answer }: Extract<Outcome, { status: 'succeeded' }>, expected: Expected | undefined): boolean {
  const files = Object.fromEntries(answer.files.map(({ path, text }) => [path, text]));
  return answer.text === expected?.text && JSON.stringify(files) === JSON.stringify(expected.files);
}

function recoveriesOf(attempts: readonly Attempt[], killedAt: ReadonlyMap<string, number>): number[] {
  return attempts.flatMap(({ worker, ended }, position) => {
    const next = attempts[position + 1];
    const deathMs = killedAt.get(worker);
    if (ended !== 'lost' || next === undefined || deathMs === undefined) return [];
    return [Math.max(0, Date.parse(next.started_at) - deathMs)];
  });
}
