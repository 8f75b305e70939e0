import { counted, oneLine } from '../../base/text.ts';
import type { BatchInput, Receipt } from '../../contract/batch.ts';
import { batchCostText } from '../../contract/cost-text.ts';
import type { Producer } from '../../producer/producer.ts';
import { readBatchFile } from '../batch-file/read-batch-file.ts';
import { composeProducer } from '../compose-producer.ts';
import { loadConfig, processSecrets } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { followBatch } from '../screen/follow-batch.ts';
import type { Screen } from '../screen/screen.ts';
import { showOutcomes } from '../screen/show-outcomes.ts';
import { onStop } from '../stopping.ts';

/** `wait`: stay until the batch has settled. `json`: print the receipt, or after waiting the summary, as JSON. */
export type EnqueueFlags = { wait?: boolean; json?: boolean };

/** Enqueues the batch in a file. Returns 1 where it waited and not all tasks succeeded. */
export async function enqueue(file: string, { wait, json }: EnqueueFlags, screen: Screen): Promise<number> {
  const config = loadConfig();
  const input = await readBatchFile(file, config.limits);
  const producer = composeProducer(config, processSecrets());
  try {
    const receipt = await producer.enqueue(input);
    for (const warning of receipt.warnings) screen.note(`warning: ${oneLine(warning)}`);
    const done = doneText(receipt);
    if (!receipt.is_new) screen.note(`batch ${receipt.batch_id} was enqueued before with this key: ${done}`);
    if (wait) return await settle(input, receipt, { producer, isJson: json === true, screen });
    if (json) screen.json(receipt);
    else screen.print(receipt.batch_id);
    const told = receipt.is_new ? `${done}; ` : '';
    if (!json) screen.note(`${told}see how they stand: errand status ${receipt.batch_id}`);
    return EXIT.ok;
  } finally {
    await producer.close();
  }
}

/** What the call did: added all tasks, the missing tasks, or nothing. */
function doneText({ is_new: isNew, added, total }: Receipt): string {
  if (isNew) return `${counted(total, 'task')} enqueued`;
  return added === 0
    ? 'nothing was enqueued again'
    : `${counted(added, 'task')} added now, ${total - added} were there`;
}

async function settle(
  input: BatchInput,
  { batch_id: batchId, total }: Receipt,
  { producer, isJson, screen }: { producer: Producer; isJson: boolean; screen: Screen },
): Promise<number> {
  const signal = onStop();
  screen.note(`batch ${batchId}: ${counted(total, 'task')}`);
  const goals = (await producer.plan(input)).tasks.map(({ data }) => data.task.goal);
  try {
    const summary = await followBatch(producer, { batchId, total, goals, signal }, screen);
    if (isJson) screen.json(summary);
    else {
      await showOutcomes(producer, { batchId, goals, isWanted: () => true }, screen);
      screen.note(`\ncost: ${batchCostText(summary)}`);
      if (summary.counts.succeeded > 0) screen.note(`\nRead the answers: errand outcomes ${batchId} --json`);
    }
    return summary.counts.succeeded === total ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (!signal.aborted) throw error;
    screen.note(`No longer waiting; the batch goes on. See how it stands: errand status ${batchId}`);
    return EXIT.interrupted;
  }
}
