import { outputTokensPerTurn } from '../../agent/allowance.ts';
import { promptOf } from '../../agent/prompt.ts';
import { maxInputTokensOf } from '../../agent/request-size.ts';
import type { ResolvedRoute } from '../../contract/route.ts';
import type { TaskJob } from '../../contract/task.ts';
import { isErrandError } from '../../errors.ts';
import { WORKSPACE } from '../../tools/names.ts';
import type { TaskDeps } from '../task-deps.ts';
import { type CallBounds, type CallFacts, cutOffIn, type MaxCostOf } from './paid-twice.ts';

/** The task whose calls are bounded; `spec` is absent if its job is gone. */
export type BoundedTask = { batchId: string; route: ResolvedRoute | null; spec?: TaskJob['task'] | undefined };

type Deps = Pick<TaskDeps, 'catalogue' | 'prices' | 'budget' | 'spends' | 'toolsets' | 'instructions'>;

/** Bounds the cost of a cut-off call of a task. Reads nothing for a task without a cut-off call. */
export async function boundsOf(
  task: BoundedTask,
  facts: Pick<CallFacts, 'attempts' | 'checkpoints'>,
  deps: Deps,
): Promise<CallBounds> {
  const { batchId, route, spec } = task;
  const hasCutCall = facts.attempts.some((attempt) => cutOffIn(attempt) > 0);
  if (!hasCutCall || !route || !spec) return { maxCostOf: priceOf(route, deps), maxInputTokens: null };
  const tools = deps.toolsets.definitionsOf(spec.toolsets);
  if (tools === null) return { maxCostOf: priceOf(route, deps), maxInputTokens: null };
  const hasWorkspace = spec.toolsets?.includes(WORKSPACE) ?? false;
  const { instructions } = deps;
  const prompt = promptOf({ task: spec, batch: { context: '', total: 1 }, tools, hasWorkspace, instructions });
  const contextBytes = await deps.spends.contextBytes(batchId);
  const maxInputTokens = maxInputTokensOf(prompt, tools, contextBytes, facts.checkpoints);
  return { maxCostOf: priceOf(route, deps), maxInputTokens };
}

/**
 * Returns the cost of the cut-off calls of a task, by epoch: from its history, and from attempts that lost the task and
 * wrote later. Reads nothing for a task without such an attempt.
 */
export async function latestSpends(
  taskId: string,
  { attempts, cutSpends }: Pick<CallFacts, 'attempts' | 'cutSpends'>,
  { spends }: Pick<Deps, 'spends'>,
): Promise<CallFacts['cutSpends']> {
  const lost = attempts.filter(({ ended }) => ended === 'lost').map(({ epoch }) => epoch);
  if (lost.length === 0) return cutSpends;
  return new Map([...cutSpends, ...(await spends.of(taskId, lost))]);
}

/**
 * Computes the maximum cost of a call on a route from its input; `null` if the provider or the price is unknown here.
 */
export function priceOf(
  route: ResolvedRoute | null,
  { catalogue, prices: book, budget }: Pick<Deps, 'catalogue' | 'prices' | 'budget'>,
): MaxCostOf {
  if (!route) return () => null;
  try {
    const provider = catalogue.get(route.provider);
    const outputTokens = outputTokensPerTurn(budget, provider);
    const prices = book.of(provider);
    return (inputTokens) => prices.maxCostOf(route.model, { inputTokens, outputTokens });
  } catch (error) {
    if (!isErrandError(error)) throw error;
    return () => null;
  }
}
