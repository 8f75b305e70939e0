import type { BatchStatus, BatchSummary } from '../../contract/batch.ts';
import { costText } from './outcome-table.ts';

/** Lays out where a batch stands: its tasks and, once it has settled, what it came to. */
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
    ...waitLines(found).map((line) => `  waits     ${line}`),
    ...(cancel ? [`  cancelled ${cancel.requested_at}: ${cancel.reason}`] : []),
    ...(found.status === 'settled' ? summaryText(found.summary) : unknownText(found)),
  ].join('\n');
}

/** Why tasks of the batch wait, and what to do: a line for each reason. */
export function waitLines({ waits_for: waits = [] }: Pick<BatchStatus, 'waits_for'>): string[] {
  return waits.map(({ message, remedy }) => `${message}. ${remedy}`);
}

function unknownText({ calls_of_unknown_cost: calls = 0 }: BatchStatus): string[] {
  return calls === 0 ? [] : [`  cost      ${counted(calls, 'call')} of unknown cost so far`];
}

/** What the batch cost: dollars, and how many calls have an unknown cost, in how many tasks. */
function spentText({
  cost_usd,
  unpriced_tasks,
  calls_of_unknown_cost: calls,
  known_cost_usd = 0,
}: BatchSummary): string {
  if (cost_usd !== null) return costText(cost_usd);
  const tasks = counted(unpriced_tasks, 'task');
  if (calls === undefined) return `unknown (${tasks} of unknown cost)`;
  const known = known_cost_usd > 0 ? `${costText(known_cost_usd)} and ` : '';
  return `${known}${counted(calls, 'call')} of unknown cost in ${tasks}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function summaryText(summary: BatchSummary): string[] {
  const { usage, cleanup, settled_at, failures } = summary;
  const open = cleanup.open > 0 ? `, ${cleanup.open} STILL OPEN` : '';
  return [
    `  settled   ${settled_at}`,
    `  tokens    ${usage.input_tokens} in, ${usage.output_tokens} out`,
    `  cost      ${spentText(summary)}`,
    `  cleaned   ${cleanup.released} given back${open}`,
    ...failures.map(
      ({ index, failure }) => `  #${index} ${failure.code}: ${failure.message.replace(/\.?$/, '.')} ${failure.remedy}`,
    ),
  ];
}
