import type { BatchStatus, BatchSummary } from '../../contract/batch.ts';
import { composeProducer } from '../compose-producer.ts';
import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-code.ts';
import { costText } from '../screen/outcome-table.ts';
import type { Screen } from '../screen/screen.ts';

/** Prints where a batch stands. Returns 1 once a task of it has ended without success. */
export async function status(batchId: string, { json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const producer = composeProducer(loadConfig());
  try {
    const found = await producer.status(batchId);
    screen.print(json ? JSON.stringify(found) : textOf(found));
    return found.ended === found.counts.succeeded ? EXIT.ok : EXIT.failed;
  } finally {
    await producer.close();
  }
}

function textOf(found: BatchStatus): string {
  const { batch_id: batchId, name, total, counts, ended, running, cancel } = found;
  const waiting = total - ended - running;
  const ends = Object.entries(counts).filter(([, count]) => count > 0);
  return [
    `${name} (${batchId}): ${found.status}`,
    `  tasks     ${total}: ${[...ends, ['running', running], ['waiting', waiting]]
      .filter(([, count]) => count !== 0)
      .map(([word, count]) => `${count} ${word}`)
      .join(', ')}`,
    ...(cancel ? [`  cancelled ${cancel.requested_at}: ${cancel.reason}`] : []),
    ...(found.status === 'settled' ? summaryText(found.summary) : []),
  ].join('\n');
}

function summaryText({ usage, cost_usd, unpriced_tasks, cleanup, settled_at, failures }: BatchSummary): string[] {
  const unpriced = unpriced_tasks > 0 ? ` (${unpriced_tasks} tasks without a known price)` : '';
  const open = cleanup.open > 0 ? `, ${cleanup.open} STILL OPEN` : '';
  return [
    `  settled   ${settled_at}`,
    `  tokens    ${usage.input_tokens} in, ${usage.output_tokens} out`,
    `  cost      ${costText(cost_usd)}${unpriced}`,
    `  cleaned   ${cleanup.released} given back${open}`,
    ...failures.map(
      ({ index, failure }) => `  #${index} ${failure.code}: ${failure.message.replace(/\.?$/, '.')} ${failure.remedy}`,
    ),
  ];
}
