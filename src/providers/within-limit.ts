import type { Provider } from '../catalogue/provider.ts';
import type { Turn } from '../contract/checkpoint.ts';
import type { Model, TurnRequest } from './model.ts';
import { limitAfter } from './output-limit.ts';
import { assertStorable } from './reply-budget.ts';

/** Makes a model whose turns are small enough to be stored. */
export function withinSize({ name }: Provider, model: Model): Model {
  return {
    async turn(request, signal) {
      const turn = await model.turn(request, signal);
      assertStorable(name, turn);
      return turn;
    },
  };
}

/**
 * Makes a model that repeats a refused call once, within the output limit that the provider named in its refusal. A refusal
 * is free, so nothing is paid twice. Later turns use the limit from the start.
 */
export function withinNamedLimit({ name, max_output_tokens: max }: Provider, model: Model): Model {
  let limit = max;
  return {
    async turn(request: TurnRequest, signal: AbortSignal): Promise<Turn> {
      const asked = Math.min(request.maxOutputTokens, limit);
      try {
        return await model.turn({ ...request, maxOutputTokens: asked }, signal);
      } catch (error) {
        const lower = signal.aborted ? undefined : limitAfter(error, asked);
        if (lower === undefined) throw error;
        limit = lower;
        request.onLimit?.(
          `provider "${name}" refused ${asked} output tokens; the call was repeated with ${lower}. Set providers.${name}.max_output_tokens to ${lower}.`,
        );
        return model.turn({ ...request, maxOutputTokens: lower }, signal);
      }
    },
  };
}
