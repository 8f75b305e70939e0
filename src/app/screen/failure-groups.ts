import { oneLine } from '../../base/text.ts';
import type { Failure } from '../../contract/failure.ts';
import type { Outcome } from '../../contract/outcome.ts';

/** Tasks that are named in one line; more are counted. */
const MAX_NAMED = 10;

/** A task that did not succeed. */
type Failed = { index: number; status: string; failure: Failure };

/** The tasks that failed alike: with one remedy, and one line for each different message. */
export type FailureGroup<T> = { lines: FailureLine[]; remedy: string; members: T[] };
export type FailureLine = { status: string; code: string; message: string; indexes: number[] };

/** Groups the tasks that did not succeed by code and remedy, in the order of their first tasks. */
export function groupFailures(outcomes: readonly Outcome[]): FailureGroup<Exclude<Outcome, { status: 'succeeded' }>>[] {
  return groupedByRemedy(outcomes.filter((outcome) => outcome.status !== 'succeeded'));
}

/** Groups failed tasks by code and remedy, so that equal failures are shown once. */
export function groupedByRemedy<T extends Failed>(tasks: readonly T[]): FailureGroup<T>[] {
  const groups = Map.groupBy(tasks, ({ failure: { code, remedy } }) => `${code} ${remedy}`);
  return [...groups.values()].map((members) => ({
    lines: linesOf(members),
    remedy: oneLine(members[0]?.failure.remedy ?? ''),
    members,
  }));
}

function linesOf(tasks: readonly Failed[]): FailureLine[] {
  const alike = Map.groupBy(tasks, ({ status, failure: { message } }) => `${status} ${message}`);
  return [...alike.values()].flatMap((same) => {
    const [first] = same;
    if (!first) return [];
    const { code, message } = first.failure;
    return [{ status: first.status, code, message: oneLine(message), indexes: same.map(({ index }) => index) }];
  });
}

/** Formats the numbers of tasks: `#1, #2 and 5 more`. */
export function tasksText(indexes: readonly number[]): string {
  const named = indexes
    .slice(0, MAX_NAMED)
    .map((index) => `#${index}`)
    .join(', ');
  return indexes.length > MAX_NAMED ? `${named} and ${indexes.length - MAX_NAMED} more` : named;
}
