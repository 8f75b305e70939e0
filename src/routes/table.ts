import type { EffortRules } from '../catalogue/effort.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { RouteRequest, RoutingPrecedence } from '../contract/route.ts';

/** The part of a provider that decides a route. */
export type RoutedProvider = EffortRules & Partial<Pick<Provider, 'default_model' | 'aliases'>>;

/** The part of a deployment that resolves routes: its providers, its defaults, its precedence. */
export type RoutingTable = {
  /** Every provider by name. */
  providers: Readonly<Record<string, RoutedProvider>>;
  /** The routes that the aliases of models stand for. */
  model_aliases?: Readonly<Record<string, RouteRequest>>;
  delegation: RouteRequest;
  precedence: RoutingPrecedence;
};

/** The settings that decide routes. */
type RoutingSettings = {
  providers: readonly Provider[];
  model_aliases: Record<string, RouteRequest>;
  delegation: RouteRequest;
  routing_precedence: RoutingPrecedence;
};

/** Makes the routing table of a deployment from its configuration. */
export function routingTable(settings: RoutingSettings): RoutingTable {
  return {
    providers: Object.fromEntries(settings.providers.map((provider) => [provider.name, provider])),
    model_aliases: settings.model_aliases,
    delegation: settings.delegation,
    precedence: settings.routing_precedence,
  };
}
