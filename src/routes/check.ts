import { providerIn } from '../catalogue/catalogue.ts';
import { type Effort, effortFor } from '../catalogue/effort.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { BatchRecord, RouteInUse } from '../contract/batch.ts';
import type { CredentialResolver } from '../credentials/resolver.ts';
import type { RoutedProvider } from './table.ts';

/** The fields of a resolved route that decide whether its provider takes it. */
export type CheckedRoute = Omit<RouteInUse, 'first_index'>;

/**
 * Checks that a deployment takes a route, and returns the effort that its model will be sent. Producers, `errand
 * routes` and workers all ask this function, so that a producer refuses what a worker would refuse, in the same words.
 *
 * @throws ErrandError `ROUTE_UNSUPPORTED`: the provider is unknown, or is strict and its model does not take the
 * effort.
 */
export function checkRoute(route: CheckedRoute, providers: Readonly<Record<string, RoutedProvider>>): Effort {
  const provider = providerIn(providers, route.provider);
  return effortFor({ ...provider, name: route.provider }, route.model, route.reasoning_effort);
}

/** What a worker needs to check a route. */
export type RouteMeans = {
  providers: Readonly<Record<string, Provider>>;
  credentials: Pick<CredentialResolver, 'resolve'>;
};

/**
 * Checks that a worker can use a route: {@link checkRoute}, and its credential can be read. With admission by task,
 * each task reads its own credential, so no task waits for the key of another task.
 *
 * @throws ErrandError `ROUTE_UNSUPPORTED`, `CREDENTIAL_MISSING`.
 */
export async function checkUsable(
  route: CheckedRoute,
  admission: BatchRecord['admission'],
  { providers, credentials }: RouteMeans,
): Promise<void> {
  checkRoute(route, providers);
  if (admission === 'task') return;
  const { name, credential } = providerIn(providers, route.provider);
  await credentials.resolve(name, credential);
}
