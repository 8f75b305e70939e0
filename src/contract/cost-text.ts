import { clip, counted, oneLine } from '../base/text.ts';
import type { BatchSummary } from './batch.ts';
import type { Outcome } from './outcome.ts';
import type { Cost } from './usage.ts';

/** The lowest cost that four digits can show. */
const MIN_SHOWN_USD = 0.00005;
const MODEL_SHOWN = 60;

/**
 * Formats dollars with enough digits for a small call. An unknown cost is never shown as 0, and a small cost neither.
 */
export function costText(cost: Cost): string {
  if (cost === null) return 'unknown';
  if (cost === 0) return '$0';
  if (cost < MIN_SHOWN_USD) return '<$0.0001';
  return `$${cost.toFixed(cost < 1 ? 4 : 2)}`;
}

/** Formats the cost of a task: its known part, and why the other part is unknown. */
export function taskCostText({ cost_usd, known_cost_usd = 0, is_unpriced }: Outcome): string {
  if (cost_usd !== null) return costText(cost_usd);
  const why = is_unpriced === true ? 'no price' : 'unknown';
  return known_cost_usd > 0 ? `${costText(known_cost_usd)} + ${why}` : why;
}

/**
 * Formats the cost of a batch: its known part, the tasks without a price by model, and the other calls of unknown cost:
 * `$0.0123 and 16 tasks without a price for llama-local`. A model of several providers is named with its provider.
 */
export function batchCostText(summary: BatchSummary): string {
  const { cost_usd, unpriced_tasks, calls_of_unknown_cost: calls, known_cost_usd = 0, unpriced_models = [] } = summary;
  if (cost_usd !== null) return costText(cost_usd);
  const tasks = counted(unpriced_tasks, 'task');
  if (calls === undefined) return `unknown (${tasks} of unknown cost)`;
  const parts = unpriced_models.map(({ provider, model, tasks }) => {
    const isShared = unpriced_models.some((other) => other.model === model && other.provider !== provider);
    const name = isShared ? `${provider}/${model}` : model;
    return `${counted(tasks, 'task')} without a price for ${clip(oneLine(name), MODEL_SHOWN)}`;
  });
  const cutTasks = unpriced_tasks - unpriced_models.reduce((sum, { tasks }) => sum + tasks, 0);
  const cutCalls = calls - unpriced_models.reduce((sum, { calls }) => sum + calls, 0);
  if (cutTasks > 0) parts.push(`${counted(cutCalls, 'call')} of unknown cost in ${counted(cutTasks, 'task')}`);
  if (known_cost_usd > 0) parts.unshift(costText(known_cost_usd));
  return listed(parts);
}

function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`;
}
