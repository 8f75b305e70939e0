import { z } from 'zod';
import { quoted } from '../base/text.ts';
import type { Provider } from '../catalogue/provider.ts';
import { RouteRequest } from '../contract/route.ts';
import type { Problem } from '../errors.ts';
import { expandRoute, providerNamed, type RouteNames } from '../routes/names.ts';

const ModelText = RouteRequest.shape.model.unwrap();

/** The meaning of each model alias: a model, `provider:model`, or an object with `provider`, `model` or both. */
export const ModelAliases = z.record(
  ModelText,
  z.union([
    ModelText,
    RouteRequest.pick({ provider: true, model: true }).refine(
      (route) => Object.keys(route).length > 0,
      'expected provider, model or both',
    ),
  ]),
);
export type ModelAliases = z.infer<typeof ModelAliases>;

/**
 * Reads the routes in a configuration: the aliases of models, and the route of `delegation`. An alias cannot mean
 * another alias.
 *
 * @returns the route of each alias, and a problem for each name that is unknown, ambiguous, or in conflict with another
 * name.
 */
export function readNames(
  { model_aliases: given, delegation }: { model_aliases: ModelAliases; delegation: RouteRequest },
  providers: readonly Provider[],
): { aliases: Record<string, RouteRequest>; problems: Problem[] } {
  const names: RouteNames = {
    providers: Object.fromEntries(providers.map(({ name, aliases }) => [name, { aliases }])),
  };
  const problems = ambiguous(providers);
  const read = (route: RouteRequest, path: string, known: RouteNames) => {
    const expanded = expandRoute(route, known);
    if ('problems' in expanded) {
      problems.push(...expanded.problems.map((problem) => ({ ...problem, path: `${path}.${problem.path}` })));
      return {};
    }
    const { provider } = expanded.route;
    if (provider !== undefined && providerNamed(provider, known) === undefined) {
      const expected = Object.keys(known.providers).join(', ');
      problems.push({ path: `${path}.provider`, message: `expected one of ${expected}, got ${quoted(provider)}` });
    }
    return expanded.route;
  };
  const aliases = Object.fromEntries(
    Object.entries(given).map(([alias, meant]) => [
      alias,
      read(typeof meant === 'string' ? { model: meant } : meant, `model_aliases.${alias}`, names),
    ]),
  );
  for (const [alias, { model = alias }] of Object.entries(aliases)) {
    if (model === alias || !Object.hasOwn(given, model)) continue;
    problems.push({ path: `model_aliases.${alias}`, message: `expected a model, got the alias ${quoted(model)}` });
  }
  read(delegation, 'delegation', { ...names, model_aliases: aliases });
  return { aliases, problems };
}

/** Finds aliases that more than one provider has. */
function ambiguous(providers: readonly Provider[]): Problem[] {
  const owners = new Map(providers.map(({ name }) => [name, name]));
  return providers.flatMap(({ name, aliases }) =>
    aliases.flatMap((alias) => {
      const owner = owners.get(alias);
      owners.set(alias, owner ?? name);
      if (owner === undefined || owner === name) return [];
      return [{ path: `providers.${name}.aliases`, message: `${quoted(alias)} already names the provider "${owner}"` }];
    }),
  );
}
