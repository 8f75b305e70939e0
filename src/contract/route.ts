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
  provider: ProviderName.optional(),
  model: z.string().trim().min(1, 'expected a model name, got an empty string').max(200).optional(),
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
  provider: ProviderName,
  model: z.string(),
  /** Absent where nobody asked for a level: the model's own default applies. */
  reasoning_effort: ReasoningEffort.optional(),
  requested: stored(RouteRequest.shape),
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
  provider: ProviderName,
  model: z.string(),
  reasoning_effort: ReasoningEffort.nullable(),
  effort_treatment: EffortTreatment,
  endpoint_host: z.string(),
  wire: Wire,
  credential_id: z.string(),
});
export type EffectiveRoute = z.infer<typeof EffectiveRoute>;

/** The route audit in every outcome: requested, chosen, effective. `effective` is `null` where no child was built. */
export const RouteAudit = stored({
  ...ResolvedRoute.shape,
  effective: EffectiveRoute.nullable(),
});
export type RouteAudit = z.infer<typeof RouteAudit>;
