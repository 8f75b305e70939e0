import type { Outcome } from '../../contract/outcome.ts';
import { composeProducer } from '../compose-producer.ts';
import { loadConfig, processSecrets } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { readGoals } from '../read-goals.ts';
import type { Screen } from '../screen/screen.ts';
import { showOutcomes } from '../screen/show-outcomes.ts';

/** `failed`: only tasks that did not succeed. `json`: one whole outcome a line, as JSON. */
export type OutcomesFlags = { failed?: boolean; json?: boolean };

/** Prints the outcomes of a batch so far, with their answers. Returns 1 if a task did not succeed. */
export async function outcomes(batchId: string, { failed, json }: OutcomesFlags, screen: Screen): Promise<number> {
  const isWanted = ({ status }: Outcome) => !failed || status !== 'succeeded';
  const [config, secrets] = [loadConfig(), processSecrets()];
  const producer = composeProducer(config, secrets);
  try {
    if (json) {
      for await (const outcome of producer.outcomes(batchId)) {
        if (isWanted(outcome)) screen.json(outcome);
      }
    } else {
      const goalsOf = (found: readonly Outcome[]) => readGoals(config, secrets, found);
      const shown = await showOutcomes(producer, { batchId, goalsOf, isWanted, withAnswers: true }, screen);
      if (shown.length === 0) screen.note(failed ? 'No task has failed.' : 'No task has ended yet.');
    }
    const { ended, counts } = await producer.status(batchId);
    return ended === counts.succeeded ? EXIT.ok : EXIT.failed;
  } finally {
    await producer.close();
  }
}
