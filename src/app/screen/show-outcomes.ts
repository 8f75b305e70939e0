import type { Outcome } from '../../contract/outcome.ts';
import type { Producer } from '../../producer/producer.ts';
import { outcomeTable } from './outcome-table.ts';
import type { Screen } from './screen.ts';

/** A table longer than this is not read by anyone; `--json` has all of it. */
const MAX_SHOWN = 200;

/** Which outcomes to show, of which batch, with its goals by index where they are known. */
export type Shown = { batchId: string; goals: readonly string[]; isWanted: (outcome: Outcome) => boolean };

/** Prints the outcomes of a batch as a table; returns those that are in it. */
export async function showOutcomes(producer: Producer, shown: Shown, screen: Screen): Promise<Outcome[]> {
  const { batchId, goals, isWanted } = shown;
  const outcomes: Outcome[] = [];
  let hidden = 0;
  for await (const outcome of producer.outcomes(batchId)) {
    if (!isWanted(outcome)) continue;
    if (outcomes.length < MAX_SHOWN) outcomes.push(outcome);
    else hidden++;
  }
  if (outcomes.length > 0) screen.print(outcomeTable(outcomes, goals, screen.width));
  if (hidden > 0) screen.note(`${hidden} more; all of them: errand outcomes ${batchId} --json`);
  return outcomes;
}
