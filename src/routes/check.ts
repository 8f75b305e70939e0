import { type Effort, effortFor } from '../catalogue/effort.ts';
import type { RouteInUse } from '../contract/batch.ts';
import { type EffortRules, type RoutingTable, unknownProvider } from '../contract/routing.ts';
import { ErrandError } from '../errors.ts';

/** The rules of a provider of which a table says nothing: no effort is refused. */
const TAKES_ALL: EffortRules = { wire: 'chat', effort_policy: 'clamp', efforts: {} };

/** The fields of a resolved route that decide whether its provider takes it. */
export type CheckedRoute = Omit<RouteInUse, 'first_index'>;

/**
 * Checks that a deployment takes a route, and returns the effort that its model will be sent. Producers, `errand routes` and
 * workers all ask this function, so that a producer refuses what a worker would refuse, in the same words.
 *
 * @throws ErrandError `ROUTE_UNSUPPORTED`: the provider is unknown, or is strict and its model does not take the effort.
 */
export function checkRoute(route: CheckedRoute, providers: RoutingTable['providers']): Effort {
  const provider = Object.hasOwn(providers, route.provider) ? providers[route.provider] : undefined;
  if (!provider) {
    throw new ErrandError('ROUTE_UNSUPPORTED', unknownProvider(route.provider, Object.keys(providers).sort()));
  }
  return effortFor({ ...(provider.effort ?? TAKES_ALL), name: route.provider }, route.model, route.reasoning_effort);
}
