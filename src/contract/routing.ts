import { z } from 'zod';
import { quoted } from '../base/text.ts';
import { EffortPolicy, ReasoningEffort } from './effort.ts';
import { ProviderName, RouteRequest, Wire } from './route.ts';

/** `strict`: a batch's top-level route is no default. `inherit`: it is one, above the configuration. */
export const RoutingPrecedence = z.enum(['strict', 'inherit']);
export type RoutingPrecedence = z.infer<typeof RoutingPrecedence>;

/** What decides which efforts the models of a provider take. `efforts`: by model name, or by a prefix ending in `*`. */
export const EffortRules = z.strictObject({
  wire: Wire,
  effort_policy: EffortPolicy,
  efforts: z.record(z.string(), z.array(ReasoningEffort)),
});
export type EffortRules = z.infer<typeof EffortRules>;

/** The part of a provider that decides a route. Without `effort` the provider refuses no effort. */
export const RoutedProvider = z.strictObject({
  default_model: z.string().optional(),
  aliases: z.array(ProviderName).optional(),
  effort: EffortRules.optional(),
});
export type RoutedProvider = z.infer<typeof RoutedProvider>;

/** What resolving a route needs to know of a deployment: its providers, its own defaults, its precedence. */
export const RoutingTable = z.strictObject({
  /** Every provider by name. */
  providers: z.record(ProviderName, RoutedProvider),
  /** What the names of models that are aliases stand for. */
  model_aliases: z.record(z.string(), RouteRequest).optional(),
  delegation: RouteRequest,
  precedence: RoutingPrecedence,
});
export type RoutingTable = z.infer<typeof RoutingTable>;

/** The sentence about a provider that the deployment does not have. `known` are the names of those it has. */
export function unknownProvider(name: string, known: readonly string[]): string {
  return `unknown provider ${quoted(name)}; known: ${known.join(', ')}`;
}
