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

/** A route as somebody wrote it. Each field is resolved by itself; what is absent comes from elsewhere. */
export const RouteRequest = z.strictObject({
  /** Provider, as the configuration names it. */
  provider: ProviderName.optional(),
  /** Model of the provider, or an alias of the configuration. */
  model: z.string().trim().min(1, 'expected a model name, got an empty string').max(200).optional(),
  /** How much the model reasons before it answers. */
  reasoning_effort: ReasoningEffort.optional(),
});
export type RouteRequest = z.infer<typeof RouteRequest>;

/** What makes a route a route: two routes with the same key are sent the same to the same provider. */
export function routeKey({ provider, model, reasoning_effort }: RouteRequest): string {
  return JSON.stringify([provider, model, reasoning_effort]);
}

/** `strict`: a batch's top-level route is no default. `inherit`: it is one, above the configuration. */
export const RoutingPrecedence = z.enum(['strict', 'inherit']);
export type RoutingPrecedence = z.infer<typeof RoutingPrecedence>;

/** Which rule chose a field of a route. `provider` is the provider's own default. */
export const RouteRule = z.enum(['task', 'defaults', 'batch', 'config', 'parent', 'provider']);
export type RouteRule = z.infer<typeof RouteRule>;

/** A route resolved at enqueue: what the task will run on, what was written, and which rule chose each field. */
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

/** What became of the requested effort: sent as asked, clamped to a level the model takes, or not sent at all. */
export const EffortTreatment = z.enum(['sent', 'clamped', 'omitted', 'not_requested']);
export type EffortTreatment = z.infer<typeof EffortTreatment>;

/** What a task really ran on. `null` effort: no field was sent. */
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

/** The route audit in every outcome: requested, chosen, effective. `effective` is `null` where no child was built. */
export const RouteAudit = stored({
  ...ResolvedRoute.shape,
  /** Route that the task really ran on; `null` if no child was built. */
  effective: EffectiveRoute.nullable(),
});
export type RouteAudit = z.infer<typeof RouteAudit>;
