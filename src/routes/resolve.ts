import { unknownProvider } from '../catalogue/catalogue.ts';
import type { ResolvedRoute, RouteRequest, RouteRule } from '../contract/route.ts';
import type { Problem } from '../errors.ts';
import { expandRoute } from './names.ts';
import type { RoutingTable } from './table.ts';

type Layer = [RouteRule, RouteRequest | undefined];

/** The routes that can complete the route of a task. */
export type RouteContext = {
  defaults: RouteRequest | undefined;
  /** The batch's top-level route; counts only under `routing_precedence: "inherit"`. */
  batch: RouteRequest | undefined;
  parent: RouteRequest | undefined;
};

function firstOf<K extends keyof RouteRequest>(layers: Layer[], field: K): [RouteRule, RouteRequest[K]] | undefined {
  for (const [rule, route] of layers) if (route?.[field] !== undefined) return [rule, route[field]];
  return undefined;
}

/**
 * Returns the model of a route and the rule that chose it. A model belongs to the provider that it was written for. A
 * layer below the layer that chose the provider counts only if it names the same provider: otherwise a switch of the
 * provider would keep the model of another vendor. Without such a layer the default model of the provider applies.
 */
function modelFor(
  layers: Layer[],
  [providerRule, name]: [RouteRule, string],
  defaultModel: string | undefined,
): [RouteRule, string] | undefined {
  const chooser = layers.findIndex(([rule]) => rule === providerRule);
  for (const [position, [rule, route]] of layers.entries()) {
    if (route?.model !== undefined && (position <= chooser || route.provider === name)) return [rule, route.model];
  }
  return defaultModel ? ['provider', defaultModel] : undefined;
}

/** Replaces the names in a route. The problems of a layer are reported once, when the layer is read. */
function meant(route: RouteRequest | undefined, table: RoutingTable): RouteRequest | undefined {
  const expanded = route && expandRoute(route, table);
  return expanded && 'route' in expanded ? expanded.route : undefined;
}

function layersOf(own: RouteRequest, context: RouteContext, table: RoutingTable): Layer[] {
  return [
    ['task', own],
    ['defaults', meant(context.defaults, table)],
    ['batch', table.precedence === 'inherit' ? meant(context.batch, table) : undefined],
    ['config', meant(table.delegation, table)],
    ['parent', meant(context.parent, table)],
  ];
}

/**
 * Resolves the route of one task, field by field: task > defaults > (batch, if inherited) > config > parent, and at
 * last the provider's default model. Returns the problems instead if there is no provider or no model.
 */
export function resolveRoute(
  task: RouteRequest,
  context: RouteContext,
  table: RoutingTable,
): { route: ResolvedRoute } | { problems: Problem[] } {
  const own = expandRoute(task, table);
  if ('problems' in own) return own;
  const layers = layersOf(own.route, context, table);
  const [providerRule, name] = firstOf(layers, 'provider') ?? [];
  if (!providerRule || !name) return { problems: [{ path: 'provider', message: noProvider(table) }] };
  const provider = Object.hasOwn(table.providers, name) ? table.providers[name] : undefined;
  if (!provider) return { problems: [{ path: 'provider', message: unknownProvider(name, table.providers) }] };
  const [modelRule, model] = modelFor(layers, [providerRule, name], provider.default_model) ?? [];
  if (!modelRule || !model) {
    return { problems: [{ path: 'model', message: `is missing; provider "${name}" has no default model` }] };
  }
  const effort = firstOf(layers, 'reasoning_effort');
  return {
    route: {
      provider: name,
      model,
      ...(effort?.[1] && { reasoning_effort: effort[1] }),
      requested: task,
      chosen_by: { provider: providerRule, model: modelRule, ...(effort && { reasoning_effort: effort[0] }) },
    },
  };
}

function noProvider({ providers }: RoutingTable): string {
  const known = Object.keys(providers).sort().join(', ');
  return `is missing; no provider in the task, the defaults, the configuration (delegation.provider) or the parent; known providers: ${known}`;
}
