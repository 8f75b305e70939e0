import type { CallTimeouts, Provider } from '../catalogue/provider.ts';
import { REASONING_EFFORTS, type ReasoningEffort } from '../contract/effort.ts';

/** A limit in milliseconds, and the setting that it comes from: of the provider, or of the budget of the task. */
export type TimeLimit = { readonly ms: number; readonly source: string };

/** The four limits of one model call. */
export type CallLimits = { readonly [limit in keyof CallTimeouts]: TimeLimit };

/** The limits of a task for one model call, in milliseconds. They can only lower the limits of the provider. */
export type CallCaps = { readonly [limit in keyof CallTimeouts]?: number | undefined };

/**
 * How much longer a stream may be silent from the effort `high` up. OpenAI sends nothing while a model thinks, not even a
 * ping (docs/internals/sdks.md). Below `high`, 2 minutes of silence mean a dead stream.
 */
const THINKING_FACTOR = 5;

/** Resolves the limits of the model calls of a child: the limits of the provider, lowered by the limits of the task. */
export function callLimitsOf(provider: Provider, effort: ReasoningEffort | null, caps: CallCaps = {}): CallLimits {
  const limitOf = (limit: keyof CallTimeouts, factor = 1): TimeLimit => {
    const ofProvider = provider.timeouts[limit] * factor;
    const ofTask = caps[limit] ?? Number.POSITIVE_INFINITY;
    if (ofTask < ofProvider) return { ms: ofTask, source: `budget.${limit.replace(/ms$/, 'seconds')}` };
    return { ms: ofProvider, source: `${factor > 1 ? `${factor} × ` : ''}timeouts.${limit}` };
  };
  return {
    headers_ms: limitOf('headers_ms'),
    first_token_ms: limitOf('first_token_ms'),
    idle_ms: limitOf('idle_ms', thinksLong(effort) ? THINKING_FACTOR : 1),
    turn_ms: limitOf('turn_ms'),
  };
}

function thinksLong(effort: ReasoningEffort | null): boolean {
  return effort !== null && REASONING_EFFORTS.indexOf(effort) >= REASONING_EFFORTS.indexOf('high');
}
