import type { Outcome } from '../../contract/outcome.ts';
import type { Producer } from '../../producer/producer.ts';
import { answerTexts, outcomeTable } from './outcome-table.ts';
import type { Screen } from './screen.ts';

/** The maximum number of tasks in a table, because people do not read longer tables; `--json` prints all tasks. */
const MAX_SHOWN = 200;

/** Which outcomes of a batch to show. `goalsOf` returns the goals by index, as far as they are known. */
export type Shown = {
  batchId: string;
  goalsOf: (outcomes: readonly Outcome[]) => readonly string[] | Promise<readonly string[]>;
  isWanted: (outcome: Outcome) => boolean;
  /** Prints the answers below the table. */
  withAnswers?: boolean;
};

/** Prints the outcomes of a batch as a table; returns the outcomes in the table. */
export async function showOutcomes(producer: Producer, shown: Shown, screen: Screen): Promise<Outcome[]> {
  const { batchId, goalsOf, isWanted, withAnswers = false } = shown;
  const outcomes: Outcome[] = [];
  let hidden = 0;
  for await (const outcome of producer.outcomes(batchId)) {
    if (!isWanted(outcome)) continue;
    if (outcomes.length < MAX_SHOWN) outcomes.push(outcome);
    else hidden++;
  }
  if (outcomes.length === 0) return outcomes;
  const goals = await goalsOf(outcomes);
  screen.print(outcomeTable(outcomes, goals, screen.width));
  if (withAnswers) for (const answer of answerTexts(outcomes, goals)) screen.print(`\n${answer}`);
  if (hidden > 0) screen.note(`\n${hidden} more. To print all: errand outcomes ${batchId} --json`);
  return outcomes;
}
