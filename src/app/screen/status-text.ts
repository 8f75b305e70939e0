import { counted, oneLine } from '../../base/text.ts';
import type { BatchStatus, BatchSummary } from '../../contract/batch.ts';
import { batchCostText } from '../../contract/cost-text.ts';
import { groupedByRemedy, tasksText } from './failure-groups.ts';

/** Formats the status of a batch: its tasks and, once it has settled, its summary. */
export function statusText(found: BatchStatus): string {
  const { batch_id: batchId, name, total, counts, ended, running, cancel } = found;
  const waiting = total - ended - running;
  const ends = Object.entries(counts).filter(([, count]) => count > 0);
  return [
    `${name} (${batchId}): ${found.status}`,
    `  tasks     ${total}: ${[...ends, ['running', running], ['waiting', waiting]]
      .filter(([, count]) => count !== 0)
      .map(([word, count]) => `${count} ${word}`)
      .join(', ')}`,
    ...waitLines(found).map((line) => `  waiting   ${line}`),
    ...(cancel ? [`  cancelled ${cancel.requested_at}: ${cancel.reason}`] : []),
    ...(found.status === 'settled' ? summaryText(found.summary) : unknownText(found)),
  ]
    .map(lineOf)
    .join('\n');
}

/** Formats why tasks of the batch wait, with the remedy: one line for each reason. */
export function waitLines({ waits_for: waits = [] }: Pick<BatchStatus, 'waits_for'>): string[] {
  return waits.map(({ message, remedy }) => `${message}. ${remedy}`);
}

function unknownText({ calls_of_unknown_cost: calls = 0 }: BatchStatus): string[] {
  return calls === 0 ? [] : [`  cost      ${counted(calls, 'call')} of unknown cost so far`];
}

function summaryText(summary: BatchSummary): string[] {
  const { batch_id: batchId, usage, cleanup, settled_at, failures, counts } = summary;
  const hidden = counts.failed + counts.rejected + counts.cancelled - failures.length;
  const open = cleanup.open > 0 ? `, ${cleanup.open} STILL OPEN` : '';
  return [
    `  settled   ${settled_at}`,
    `  tokens    ${usage.input_tokens} in${cachedText(usage)}, ${usage.output_tokens} out`,
    `  cost      ${batchCostText(summary)}`,
    `  cleaned   ${cleanup.released} released${open}`,
    ...failureLines(failures),
    ...(hidden > 0 ? [`  and ${hidden} more: errand outcomes ${batchId} --failed`] : []),
  ];
}

function cachedText({ cached_input_tokens: cached }: BatchSummary['usage']): string {
  return cached === 0 ? '' : ` (${cached} cached)`;
}

/**
 * Formats one line for each different failure. Failures with the same remedy have it once, on the last of their lines.
 */
function failureLines(failures: BatchSummary['failures']): string[] {
  const groups = groupedByRemedy(failures.map((failed) => ({ ...failed, status: 'failed' })));
  return groups.flatMap(({ lines, remedy }) =>
    lines.map(({ code, message, indexes }, at) => {
      const what = `  ${tasksText(indexes)} ${code}: ${message.replace(/\.?$/, '.')}`;
      return at === lines.length - 1 ? `${what} ${remedy}` : what;
    }),
  );
}

/** Makes one printable line of a line of the status, and keeps the spaces that align it. */
function lineOf(line: string): string {
  const [indent = ''] = /^(?: {2}\S+ +)?/.exec(line) ?? [];
  return `${indent}${oneLine(line.slice(indent.length))}`;
}
