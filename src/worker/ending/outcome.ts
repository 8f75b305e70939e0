import type { CutCall } from '../../agent/child.ts';
import { isoNow } from '../../base/clock.ts';
import type { Redactor } from '../../base/secret.ts';
import type { CancelFlag } from '../../contract/batch.ts';
import { type Checkpoint, tallyOf } from '../../contract/checkpoint.ts';
import { amendCleanup, type CleanupStep, cleanupOf } from '../../contract/cleanup.ts';
import { type EffectCall, interruptedIn } from '../../contract/effect-call.ts';
import type { Answer, Attempt, Outcome } from '../../contract/outcome.ts';
import type { RouteAudit } from '../../contract/route.ts';
import { addSpend, type CutSpend, costOfSpend, type Spend, spendOf, unknownSpend } from '../../contract/spend.ts';
import type { Metadata } from '../../contract/task.ts';
import type { ErrandError } from '../../errors.ts';
import type { Checked } from '../../records/record-text.ts';
import { failureOf } from '../classify.ts';
import { storableOutcome } from './fit-outcome.ts';
import { type CallBounds, cutSpendIn, paidTwiceIn } from './paid-twice.ts';

/** How a task ended. `rejected`: its batch was not admitted, so no child was built. */
export type Ending =
  | { status: 'succeeded'; answer: Answer }
  | { status: 'failed'; error: ErrandError; partial?: Answer | undefined }
  | { status: 'rejected'; error: ErrandError }
  | {
      status: 'cancelled';
      error: ErrandError;
      partial?: Answer | undefined;
      flag: CancelFlag;
      cutCall?: CutCall | undefined;
    };

/** What an outcome is made of beside how the task ended. */
export type TaskFacts = {
  taskId: string;
  batchId: string;
  index: number;
  route: RouteAudit | null;
  metadata?: Metadata | undefined;
  /** With the cleanup of each, the last one's included. */
  attempts: Attempt[];
  checkpoints: readonly Checkpoint[];
  /** Calls of effect tools, over all attempts. */
  effects: readonly EffectCall[];
  /** By epoch, what the cut-off calls of each attempt cost. */
  cutSpends: ReadonlyMap<number, CutSpend>;
  /** The history could not be read, so the cost of its calls is unknown. */
  isUnreadable: boolean;
  bounds: CallBounds;
  /** Notes about what kept calls within the limits of the provider. */
  notes?: readonly string[];
};

/** Builds the terminal record of a task, in a form that can be written and read again. */
export function outcomeOf(ending: Ending, facts: TaskFacts, redactor: Redactor): Checked<Outcome> {
  return storableOutcome(wholeOutcome(ending, facts, redactor));
}

function wholeOutcome(ending: Ending, facts: TaskFacts, redactor: Redactor): Outcome {
  const first = facts.attempts[0];
  const interrupted = interruptedIn(facts.effects);
  const common = {
    version: 1 as const,
    batch_id: facts.batchId,
    task_id: facts.taskId,
    index: facts.index,
    route: facts.route,
    ...(facts.metadata && { metadata: facts.metadata }),
    attempts: facts.attempts.map(({ cleanup: _, ...attempt }) => attempt),
    ...spendFields(facts),
    ...paidTwiceIn(facts, facts.bounds),
    ...(facts.notes && facts.notes.length > 0 && { notes: [...facts.notes] }),
    ...(interrupted.length > 0 && { interrupted_effects: interrupted }),
    duration_ms: first ? Math.max(0, Date.now() - Date.parse(first.first_started_at ?? first.started_at)) : 0,
    ended_at: isoNow(),
    cleanup: cleanupOf(facts.attempts.flatMap(({ cleanup }) => cleanup?.steps ?? [])),
  };
  if (ending.status === 'succeeded') return { ...common, status: 'succeeded', answer: ending.answer };
  const failure = failureOf(ending.error, redactor);
  if (ending.status === 'rejected') return { ...common, status: 'rejected', failure };
  const partial = ending.partial && { partial: ending.partial };
  if (ending.status === 'failed') return { ...common, status: 'failed', failure, ...partial };
  const { closedAt, usage } = ending.cutCall ?? {};
  const closed = { ...(closedAt && { call_closed_at: closedAt }), ...(usage && { call_usage: usage }) };
  const { reason, requested_at } = ending.flag;
  return { ...common, status: 'cancelled', failure, reason, requested_at, ...closed, ...partial };
}

const UNPRICED = { is_unpriced: true } as const;

/** The work and the cost of the task: its recorded turns, and the calls that were cut off. */
function spendFields(facts: TaskFacts) {
  const { turns, tool_calls } = tallyOf(facts.checkpoints);
  const spends: Spend[] = facts.checkpoints.map(({ reply }) => spendOf(reply));
  spends.push(unknownSpend(facts.isUnreadable ? 1 : 0));
  const spend = spends.reduce(addSpend, cutSpendIn(facts));
  const { usage, known_cost_usd, calls_of_unknown_cost } = spend;
  const isUnpriced = calls_of_unknown_cost > 0 && facts.route && facts.bounds.maxCostOf(1) === null;
  const unknown = calls_of_unknown_cost > 0 && { calls_of_unknown_cost, known_cost_usd };
  return { turns, tool_calls, usage, cost_usd: costOfSpend(spend), ...unknown, ...(isUnpriced && UNPRICED) };
}

/** Earlier attempts with what was since found out of their resources, each with the attempt that held it. */
export function amendPast(past: Attempt[], steps: CleanupStep[]): Attempt[] {
  if (steps.length === 0) return past;
  return past.map((attempt) => {
    const own = steps.filter((step) => step.row.startsWith(`${attempt.epoch}.`));
    return { ...attempt, cleanup: amendCleanup(attempt.cleanup ?? cleanupOf([]), own) };
  });
}
