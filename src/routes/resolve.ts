import { unknownProvider } from '../catalogue/catalogue.ts';
import type { ResolvedRoute, RouteRequest, RouteRule } from '../contract/route.ts';
import type { Problem } from '../errors.ts';
import { expandRoute } from './names.ts';
import type { RoutingTable } from './table.ts';

type Layer = [RouteRule, RouteRequest | undefined];

/** The routes a task's own may be completed from. */
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
 * A model belongs to the provider it was written for: a layer below the one that chose the provider lends its model only if it
 * names the same provider. Otherwise switching the provider would keep another vendor's model. Without a layer that lends one,
 * it is the default model of the provider.
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

/** A route with its names replaced. The problems of a layer are reported once, where the layer is read. */
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
 * Resolves the route of one task, field by field: task > defaults > (batch, if inherited) > config > parent, and at last the
 * provider's default model. Returns the problems instead if there is no provider or no model.
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
