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
 * A model belongs to the provider it was written for: a layer below the one that chose the provider lends its model
 * only where it names the same provider. Otherwise switching the provider would keep another vendor's model.
 */
function modelFor(layers: Layer[], provider: string, providerRule: RouteRule): [RouteRule, string] | undefined {
  const chooser = layers.findIndex(([rule]) => rule === providerRule);
  for (const [position, [rule, route]] of layers.entries()) {
    if (route?.model !== undefined && (position <= chooser || route.provider === provider)) return [rule, route.model];
  }
  return undefined;
}

/** A route with its names replaced. The problems of a layer are reported once, where the layer is read. */
function meant(route: RouteRequest | undefined, table: RoutingTable): RouteRequest | undefined {
  const expanded = route && expandRoute(route, table);
  return expanded && 'route' in expanded ? expanded.route : undefined;
}

/**
 * Resolves the route of one task, field by field: task > defaults > (batch, where inherited) > config > parent, and at
 * last the provider's default model. Returns the problems instead where no provider or model can be had.
 */
export function resolveRoute(
  task: RouteRequest,
  context: RouteContext,
  table: RoutingTable,
): { route: ResolvedRoute } | { problems: Problem[] } {
  const own = expandRoute(task, table);
  if ('problems' in own) return own;
  const layers: Layer[] = [
    ['task', own.route],
    ['defaults', meant(context.defaults, table)],
    ['batch', table.precedence === 'inherit' ? meant(context.batch, table) : undefined],
    ['config', meant(table.delegation, table)],
    ['parent', meant(context.parent, table)],
  ];
  const known = Object.keys(table.providers).sort();
  const chosen = firstOf(layers, 'provider');
  if (!chosen?.[1]) {
    const message = `missing: no provider in the task, the defaults, the configuration (delegation.provider) or the parent; known providers: ${known.join(', ')}`;
    return { problems: [{ path: 'provider', message }] };
  }
  const [providerRule, providerName] = chosen;
  const provider = Object.hasOwn(table.providers, providerName) ? table.providers[providerName] : undefined;
  if (!provider) {
    return { problems: [{ path: 'provider', message: unknownProvider(providerName, table.providers) }] };
  }
  const model =
    modelFor(layers, providerName, providerRule) ??
    (provider.default_model ? (['provider', provider.default_model] as const) : undefined);
  if (!model) {
    return { problems: [{ path: 'model', message: `missing: provider "${providerName}" has no default model` }] };
  }
  const effort = firstOf(layers, 'reasoning_effort');
  return {
    route: {
      provider: providerName,
      model: model[1],
      ...(effort?.[1] && { reasoning_effort: effort[1] }),
      requested: task,
      chosen_by: { provider: providerRule, model: model[0], ...(effort && { reasoning_effort: effort[0] }) },
    },
  };
}
