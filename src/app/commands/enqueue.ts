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

/** `wait`: wait until the batch settles. `json`: print the receipt, or after waiting the summary, as JSON. */
export type EnqueueFlags = { wait?: boolean; json?: boolean };

/** Enqueues the batch in a file. Returns 1 if it waited and a task did not succeed. */
export async function enqueue(file: string, { wait, json }: EnqueueFlags, screen: Screen): Promise<number> {
  const config = loadConfig();
  const input = await readBatchFile(file, config.limits);
  const producer = composeProducer(config, processSecrets());
  try {
    const receipt = await producer.enqueue(input);
    for (const warning of receipt.warnings) screen.note(`warning: ${oneLine(warning)}`);
    const done = doneText(receipt);
    if (!receipt.is_new) screen.note(`batch ${receipt.batch_id} already exists with this idempotency key: ${done}`);
    if (wait) return await settle(input, receipt, { producer, isJson: json === true, screen });
    if (json) screen.json(receipt);
    else screen.print(receipt.batch_id);
    const head = receipt.is_new ? `${done}. ` : '';
    if (!json) screen.note(`${head}To follow the batch: errand status ${receipt.batch_id}`);
    return EXIT.ok;
  } finally {
    await producer.close();
  }
}

/** Formats what the call did: it added all tasks, the missing tasks, or nothing. */
function doneText({ is_new: isNew, added, total }: Receipt): string {
  if (isNew) return `${counted(total, 'task')} enqueued`;
  return added === 0
    ? 'nothing was enqueued again'
    : `${counted(added, 'task')} added now, ${total - added} added before`;
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
      const shown = { batchId, goalsOf: () => goals, isWanted: () => true, withAnswers: total === 1 };
      await showOutcomes(producer, shown, screen);
      screen.note(`\ncost: ${batchCostText(summary)}`);
      if (summary.counts.succeeded > 0 && total > 1) screen.note(`\nRead the answers: errand outcomes ${batchId}`);
    }
    return summary.counts.succeeded === total ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (!signal.aborted) throw error;
    screen.note(`Stopped waiting; the batch continues. To follow it: errand status ${batchId}`);
    return EXIT.interrupted;
  }
}
