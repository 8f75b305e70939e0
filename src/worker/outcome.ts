import { isoNow } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import type { CancelFlag } from '../contract/batch.ts';
import type { Tally } from '../contract/checkpoint.ts';
import type { CleanupRecord } from '../contract/cleanup.ts';
import type { Answer, Attempt, Outcome } from '../contract/outcome.ts';
import type { RouteAudit } from '../contract/route.ts';
import type { ErrandError } from '../errors.ts';
import { failureOf } from './classify.ts';

/** How a task ended. `rejected`: its batch was not admitted, so no child was built. */
export type Ending =
  | { status: 'succeeded'; answer: Answer }
  | { status: 'failed'; error: ErrandError; partial?: Answer | undefined }
  | { status: 'rejected'; error: ErrandError }
  | { status: 'cancelled'; error: ErrandError; partial?: Answer | undefined; flag: CancelFlag };

/** What an outcome is made of beside how the task ended. */
export type TaskFacts = {
  taskId: string;
  batchId: string;
  index: number;
  route: RouteAudit | null;
  /** With the cleanup of each, the last one's included. */
  attempts: Attempt[];
  tally: Tally;
};

/** Puts the one terminal record of a task together. */
export function outcomeOf(ending: Ending, facts: TaskFacts, redactor: Redactor): Outcome {
  const first = facts.attempts[0];
  const common = {
    version: 1 as const,
    batch_id: facts.batchId,
    task_id: facts.taskId,
    index: facts.index,
    route: facts.route,
    attempts: facts.attempts.map(({ cleanup: _, ...attempt }) => attempt),
    ...facts.tally,
    duration_ms: first ? Math.max(0, Date.now() - Date.parse(first.started_at)) : 0,
    ended_at: isoNow(),
    cleanup: allCleanup(facts.attempts),
  };
  if (ending.status === 'succeeded') return { ...common, status: 'succeeded', answer: ending.answer };
  const failure = failureOf(ending.error, redactor);
  if (ending.status === 'rejected') return { ...common, status: 'rejected', failure };
  const partial = ending.partial && { partial: ending.partial };
  if (ending.status === 'failed') return { ...common, status: 'failed', failure, ...partial };
  return { ...common, status: 'cancelled', failure, ...ending.flag, ...partial };
}

function allCleanup(attempts: Attempt[]): CleanupRecord {
  const steps = attempts.flatMap(({ cleanup }) => cleanup?.steps ?? []);
  return { version: 1, steps, open: steps.filter((step) => step.status === 'open').length };
}
