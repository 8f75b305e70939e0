import { z } from 'zod';
import { ReasoningEffort } from './effort.ts';
import { stored } from './stored.ts';

/** The protocol spoken to a provider: OpenAI Responses, OpenAI Chat Completions, Anthropic Messages. */
export const Wire = z.enum(['responses', 'chat', 'messages']);
export type Wire = z.infer<typeof Wire>;

/** A provider's name, as declared in the configuration; also the name of its lane. */
export const ProviderName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,39}$/, 'expected a provider name: lower-case letters, digits, "-" and "_", at most 40');

/** A route as a producer wrote it. Each field is resolved separately; an absent field is taken from another layer. */
export const RouteRequest = z.strictObject({
  /** Provider, as the configuration names it. */
  provider: ProviderName.optional(),
  /** Model of the provider, or an alias of the configuration. */
  model: z.string().trim().min(1, 'expected a model name, got an empty string').max(200).optional(),
  /** How much the model reasons before it answers. */
  reasoning_effort: ReasoningEffort.optional(),
});
export type RouteRequest = z.infer<typeof RouteRequest>;

/** Returns the key of a route. Two routes with the same key send the same to the same provider. */
export function routeKey({ provider, model, reasoning_effort }: RouteRequest): string {
  return JSON.stringify([provider, model, reasoning_effort]);
}

/**
 * `strict`: the top-level route of a batch is not a default for its tasks. `inherit`: it is, and wins over the
 * configuration.
 */
export const RoutingPrecedence = z.enum(['strict', 'inherit']);
export type RoutingPrecedence = z.infer<typeof RoutingPrecedence>;

/** The rule that chose a field of a route. `provider` is the default of the provider. */
export const RouteRule = z.enum(['task', 'defaults', 'batch', 'config', 'parent', 'provider']);
export type RouteRule = z.infer<typeof RouteRule>;

/** A route resolved at enqueue: the resolved fields, the requested fields, and the rule that chose each field. */
export const ResolvedRoute = stored({
  /** Provider that runs the task. */
  provider: ProviderName,
  /** Model that runs the task. */
  model: z.string(),
  /** Effort that was asked for; absent if no layer asked for one, and the default of the model applies. */
  reasoning_effort: ReasoningEffort.optional(),
  /** Route as the task was written. */
  requested: stored(RouteRequest.shape),
  /** The layer that chose each field. */
  chosen_by: stored({
    provider: RouteRule,
    model: RouteRule,
    reasoning_effort: RouteRule.optional(),
  }),
});
export type ResolvedRoute = z.infer<typeof ResolvedRoute>;

/** How the requested effort was treated: sent as requested, clamped to a level that the model takes, or not sent. */
export const EffortTreatment = z.enum(['sent', 'clamped', 'omitted', 'not_requested']);
export type EffortTreatment = z.infer<typeof EffortTreatment>;

/** The route that a task actually ran on. `null` effort: no field was sent. */
export const EffectiveRoute = stored({
  /** Provider that was called. */
  provider: ProviderName,
  /** Model that was called. */
  model: z.string(),
  /** Effort that was sent; `null` if the request had no such field. */
  reasoning_effort: ReasoningEffort.nullable(),
  /** What happened to the requested effort. */
  effort_treatment: EffortTreatment,
  /** Host that was called. */
  endpoint_host: z.string(),
  /** Protocol of the provider. */
  wire: Wire,
  /** Name of the source of the key, such as `env:OPENAI_API_KEY`. */
  credential_id: z.string(),
});
export type EffectiveRoute = z.infer<typeof EffectiveRoute>;

/** The route audit in every outcome: requested, chosen, effective. `effective` is `null` if no child was built. */
export const RouteAudit = stored({
  ...ResolvedRoute.shape,
  /** Route that the task really ran on; `null` if no child was built. */
  effective: EffectiveRoute.nullable(),
});
export type RouteAudit = z.infer<typeof RouteAudit>;
