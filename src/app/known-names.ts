import type { Toolsets } from '../agent/toolsets.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { Prices } from '../catalogue/prices.ts';
import type { Provider } from '../catalogue/provider.ts';
import { RouteRequest } from '../contract/route.ts';
import { expandRoute } from '../routes/names.ts';
import type { KnownNames } from '../telemetry/metrics.ts';
import type { Config } from './config.ts';
import { BASE_KINDS } from './resource-kinds.ts';

/** The number of cached answers of the price library. A search takes microseconds, and every turn needs one. */
const MAX_KEPT = 1_000;

const ModelName = RouteRequest.shape.model.unwrap();

/**
 * Collects the names of a deployment that may be values of labels: its providers, its kinds of resources, and the
 * models that its configuration or the price library names. Other models are left out, because tenants can choose any
 * model.
 */
export function knownNames(
  config: Pick<Config, 'delegation' | 'model_aliases'>,
  catalogue: Catalogue,
  toolsets: Toolsets,
): KnownNames {
  const routes = routesOf(config, catalogue);
  const providers = new Map(
    catalogue.names().map((name) => {
      const provider = catalogue.get(name);
      return [name, { models: modelsOf(provider, routes), prices: new Prices(provider) }];
    }),
  );
  const kept = new Map<string, string | undefined>();
  const found = (provider: string, prices: Prices, model: string): string | undefined => {
    const key = `${provider} ${model}`;
    if (kept.has(key)) return kept.get(key);
    if (kept.size >= MAX_KEPT) kept.clear();
    const name = prices.nameInLibrary(model);
    kept.set(key, name);
    return name;
  };
  return {
    providers: [...providers.keys()],
    kinds: [...BASE_KINDS, ...[...toolsets.builtInKinds, ...toolsets.ownKinds].map(({ kind }) => kind)],
    modelOf: (name, model) => {
      const known = providers.get(name);
      if (!known || known.models.has(model)) return known && model;
      return ModelName.safeParse(model).success ? found(name, known.prices, model) : undefined;
    },
  };
}

/** Returns the routes in the configuration: the routes of the aliases, and the route of `delegation`. */
function routesOf({ delegation, model_aliases }: Pick<Config, 'delegation' | 'model_aliases'>, catalogue: Catalogue) {
  const expanded = expandRoute(delegation, { providers: catalogue.providers, model_aliases });
  return [...Object.values(model_aliases), ...('route' in expanded ? [expanded.route] : [])];
}

/** Returns the models of a provider that the configuration names. A prefix in `efforts` is not a model. */
function modelsOf({ name, default_model, prices, efforts }: Provider, routes: RouteRequest[]): Set<string> {
  const named = routes.filter(({ provider }) => provider === undefined || provider === name);
  const models = [default_model, ...named.map(({ model }) => model), ...Object.keys(prices), ...Object.keys(efforts)];
  return new Set(models.filter((model) => model !== undefined && !model.endsWith('*')) as string[]);
}
