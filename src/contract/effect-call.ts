import { z } from 'zod';
import { ToolResult } from './checkpoint.ts';
import { stored } from './stored.ts';

/**
 * One call of a tool of class `effect`, as the journal of its task holds it: written before the tool runs, and again with
 * its result. Without a result once its attempt has ended, it was interrupted: it may or may not have happened.
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

/** A call of an effect tool whose end nobody saw, as the outcome lists it. */
export const InterruptedEffect = EffectCall.pick({ call_id: true, tool: true });
export type InterruptedEffect = z.infer<typeof InterruptedEffect>;

/** The calls that were interrupted. Ask only once their attempt has ended. */
export function interruptedIn(calls: readonly EffectCall[]): InterruptedEffect[] {
  return calls.filter(({ result }) => result === undefined).map(({ call_id, tool }) => ({ call_id, tool }));
}
