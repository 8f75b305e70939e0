import { REASONING_EFFORTS, type ReasoningEffort } from '../contract/effort.ts';
import type { EffortTreatment } from '../contract/route.ts';
import { ErrandError } from '../errors.ts';
import { levelsOf } from './models.ts';
import type { Provider } from './provider.ts';

/** The fields of a provider that decide which efforts its models take. */
export type EffortRules = Pick<Provider, 'wire' | 'effort_policy' | 'efforts'>;

/** The level that is sent, `null` if no field is sent, and how it was derived from the request. */
export type Effort = { level: ReasoningEffort | null; treatment: EffortTreatment };

/**
 * Returns the nearest level not above the request, else the lowest level. `levels` are sorted; `undefined` without
 * levels.
 */
function clamp(levels: readonly ReasoningEffort[], requested: ReasoningEffort): ReasoningEffort | undefined {
  const limit = REASONING_EFFORTS.indexOf(requested);
  return levels.findLast((level) => REASONING_EFFORTS.indexOf(level) <= limit) ?? levels[0];
}

/**
 * Decides which effort is sent to a model. A level that the model takes is sent as requested. For another level the
 * `effort_policy` of the provider decides: lower it (`clamp`), leave the field out (`omit`), or fail (`strict`).
 *
 * A clamped `none` becomes the model's lowest level, because leaving the field out would let the model think by
 * default.
 *
 * @throws ErrandError `ROUTE_UNSUPPORTED` under `strict`, naming the levels the model takes.
 */
export function effortFor(
  provider: EffortRules & { name: string },
  model: string,
  requested: ReasoningEffort | undefined,
): Effort {
  if (requested === undefined) return { level: null, treatment: 'not_requested' };
  const levels = levelsOf(provider, model);
  if (levels.includes(requested)) return { level: requested, treatment: 'sent' };
  if (provider.effort_policy === 'strict') {
    const choice = levels.length > 0 ? `expected one of ${levels.join(', ')}` : 'the model takes no reasoning effort';
    throw new ErrandError(
      'ROUTE_UNSUPPORTED',
      `Model "${model}" of provider "${provider.name}" does not take reasoning effort "${requested}": ${choice}.`,
    );
  }
  const clamped = provider.effort_policy === 'omit' ? undefined : clamp(levels, requested);
  return clamped === undefined ? { level: null, treatment: 'omitted' } : { level: clamped, treatment: 'clamped' };
}
