import type { CutCall } from '../../agent/child.ts';
import { isoNow } from '../../base/clock.ts';
import { clip } from '../../base/text.ts';
import type { CancelFlag } from '../../contract/batch.ts';
import { type Checkpoint, tallyOf } from '../../contract/checkpoint.ts';
import { type CleanupStep, cleanupOf, needsOfCleanup } from '../../contract/cleanup.ts';
import { type EffectCall, interruptedIn } from '../../contract/effect-call.ts';
import type { Failure } from '../../contract/failure.ts';
import type { Answer, Attempt, Outcome } from '../../contract/outcome.ts';
import type { RouteAudit } from '../../contract/route.ts';
import { addSpend, type CutSpend, costOfSpend, type Spend, spendOf, unknownSpend } from '../../contract/spend.ts';
import type { Metadata } from '../../contract/task.ts';
import type { Checked } from '../../records/record-text.ts';
import { withCleanup } from '../../records/task-history.ts';
import { storableOutcome } from './fit-outcome.ts';
import { type CallBounds, cutSpendIn, paidTwiceIn } from './paid-twice.ts';

/** How a task ends. `rejected`: its batch was not admitted, so no child was built. */
export type TaskEnd =
  | { status: 'succeeded' }
  | { status: 'failed'; failure: Failure }
  | { status: 'rejected'; failure: Failure }
  | { status: 'cancelled'; failure: Failure; flag: CancelFlag };

/** The parts of an outcome, besides how the task ends. */
export type TaskFacts = {
  taskId: string;
  batchId: string;
  index: number;
  route: RouteAudit | null;
  metadata?: Metadata | undefined;
  /** All attempts, each with its cleanup. */
  attempts: Attempt[];
  checkpoints: readonly Checkpoint[];
  /** Calls of effect tools, over all attempts. */
  effects: readonly EffectCall[];
  /** The cost of the cut-off calls of each attempt, by epoch. */
  cutSpends: ReadonlyMap<number, CutSpend>;
  /** Whether the history could not be read, so that the cost of its calls is unknown. */
  isUnreadable: boolean;
  bounds: CallBounds;
  /** The text and the files of the last turn, or of the turn that was cut short. */
  answer: Answer;
  /** The model call that a cancel cut short. */
  cutCall?: CutCall | undefined;
  /** Notes about how the calls were kept within the limits of the provider. */
  notes?: readonly string[];
};

/** The number of characters kept of a reply that was too large: a batch of such replies must fit into memory. */
const KEPT_OF_TOO_LARGE = 64 * 1024;

/** Builds the terminal record of a task, in a form that can be written and read again. */
export function outcomeOf(end: TaskEnd, facts: TaskFacts): Checked<Outcome> {
  return storableOutcome(wholeOutcome(end, facts));
}

function wholeOutcome(end: TaskEnd, facts: TaskFacts): Outcome {
  if (end.status === 'succeeded') return { ...commonOf(facts), status: end.status, answer: facts.answer };
  const { failure } = end;
  if (end.status === 'rejected') return { ...commonOf(facts), status: end.status, failure };
  const { text, note } = keptText(facts.answer.text, failure);
  const { files } = facts.answer;
  const common = commonOf({ ...facts, notes: [...(facts.notes ?? []), ...note] });
  const partial = (text !== '' || files.length > 0) && { partial: { text, files } };
  if (end.status === 'failed') return { ...common, status: end.status, failure, ...partial };
  const { closedAt, usage } = facts.cutCall ?? {};
  const closed = { ...(closedAt && { call_closed_at: closedAt }), ...(usage && { call_usage: usage }) };
  const { reason, requested_at } = end.flag;
  return { ...common, status: end.status, failure, reason, requested_at, ...closed, ...partial };
}

function commonOf(facts: TaskFacts) {
  const first = facts.attempts[0];
  const cleanup = cleanupOf(facts.attempts.flatMap(({ cleanup: own }) => own?.steps ?? []));
  const interrupted = interruptedIn(facts.effects);
  return {
    version: 1 as const,
    ...needsOfCleanup(cleanup),
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
    cleanup,
  };
}

/** The text of a child that failed, and a note if a part was left out. */
function keptText(full: string, { code }: Failure): { text: string; note: string[] } {
  const text = code === 'PROVIDER_REPLY_TOO_LARGE' ? clip(full, KEPT_OF_TOO_LARGE) : full;
  if (text === full) return { text, note: [] };
  return { text, note: [`the reply was too large: ${KEPT_OF_TOO_LARGE} of ${full.length} characters were kept`] };
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

/** Adds the cleanup steps of resources that were released later to the attempts that held them. */
export function amendPast(past: Attempt[], steps: CleanupStep[]): Attempt[] {
  if (steps.length === 0) return past;
  return past.map((attempt) => withCleanup(attempt, steps));
}
