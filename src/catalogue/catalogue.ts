import { type RoutingTable, unknownProvider } from '../contract/routing.ts';
import { ErrandError } from '../errors.ts';
import { Provider } from './provider.ts';
import { BUILT_IN_PROVIDERS } from './rows.ts';

const BUILT_IN = Object.entries(BUILT_IN_PROVIDERS).map(([name, fields]) => Provider.parse({ ...fields, name }));

/** The providers of one deployment, by name. */
export type Catalogue = {
  /** @throws ErrandError `ROUTE_UNSUPPORTED`, listing the known names. */
  get(name: string): Provider;
  /** All names, sorted. */
  names(): string[];
  /** What resolving a route needs to know of the providers. */
  routing(): RoutingTable['providers'];
};

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}

/**
 * Makes the catalogue of a deployment: the built-in providers and those it declares.
 *
 * A declared one replaces a built-in one of its name whole: merging field by field could send one provider's key to
 * another's endpoint.
 */
export function createCatalogue(declared: readonly Provider[]): Catalogue {
  const providers = new Map([...BUILT_IN, ...declared].map((provider) => [provider.name, deepFreeze(provider)]));
  const names = [...providers.keys()].sort();
  return {
    get(name) {
      const provider = providers.get(name);
      if (provider) return provider;
      throw new ErrandError('ROUTE_UNSUPPORTED', unknownProvider(name, names));
    },
    names: () => [...names],
    routing: () =>
      Object.fromEntries(
        [...providers].map(([name, { default_model, aliases, wire, effort_policy, efforts }]) => {
          const effort = { wire, effort_policy, efforts };
          return [name, { ...(default_model !== undefined && { default_model }), aliases: [...aliases], effort }];
        }),
      ),
  };
}
