import { z } from 'zod';
import { ToolResult } from './checkpoint.ts';
import { stored } from './stored.ts';

/**
 * One call of a tool of class `effect` in the journal of its task. It is written before the tool runs, and again with
 * its result. If it has no result after its attempt has ended, it was interrupted: the effect may or may not have
 * happened.
 *
 * `id` is its place in the task, `<turn>.<number in the turn>`, because some models use a `call_id` more than once.
 */
export const EffectCall = stored({
  version: z.literal(1),
  id: z.string(),
  call_id: z.string(),
  tool: z.string(),
  result: ToolResult.optional(),
});
export type EffectCall = z.infer<typeof EffectCall>;

/** An interrupted call of an effect tool, as the outcome lists it. */
export const InterruptedEffect = EffectCall.pick({ call_id: true, tool: true });
export type InterruptedEffect = z.infer<typeof InterruptedEffect>;

/** Lists the calls that were interrupted. Use it only after their attempt has ended. */
export function interruptedIn(calls: readonly EffectCall[]): InterruptedEffect[] {
  return calls.filter(({ result }) => result === undefined).map(({ call_id, tool }) => ({ call_id, tool }));
}
