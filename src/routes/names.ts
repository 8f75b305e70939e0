import { quoted } from '../base/text.ts';
import type { RouteRequest } from '../contract/route.ts';
import type { Problem } from '../errors.ts';

/** The names that a route may use in a deployment: providers with their aliases, and aliases of models. */
export type RouteNames = {
  providers: Readonly<Record<string, { aliases?: readonly string[] | undefined }>>;
  model_aliases?: Readonly<Record<string, RouteRequest>> | undefined;
};

/** One place of a route that names a provider, with the id of the provider. */
type Said = { where: string; name: string; id: string };

type ModelText = { model?: string; said: Said[]; problem?: string };

/** Returns the id of the provider with this id or alias; `undefined` if the deployment has none. */
export function providerNamed(name: string, { providers }: RouteNames): string | undefined {
  if (Object.hasOwn(providers, name)) return name;
  return Object.keys(providers).find((id) => providers[id]?.aliases?.includes(name));
}

/**
 * Replaces the names in a route by their meaning in a deployment: aliases of providers and models, `provider:model`,
 * and `--provider NAME` inside a model. A text before the first colon counts only if it is the id or an alias of a
 * provider, so that `llama3:8b` and `ft:gpt-4o:org::id` stay whole. An unknown provider stays as it was written.
 *
 * @returns the route; or the problems if two places name different providers, or the text of the model cannot be read.
 */
export function expandRoute(route: RouteRequest, names: RouteNames): { route: RouteRequest } | { problems: Problem[] } {
  const { provider, model: text, ...others } = route;
  const read: ModelText = text === undefined ? { said: [] } : readModelText(text, names);
  if (read.problem !== undefined) return { problems: [{ path: 'model', message: read.problem }] };
  const said = [...(provider === undefined ? [] : [saidIn('provider', provider, names)]), ...read.said];
  const [first] = said;
  const other = said.find(({ id }) => id !== first?.id);
  if (first && other) {
    const message = `conflict: ${first.where} says ${quoted(first.name)}, ${other.where} says ${quoted(other.name)}; write one of them`;
    return { problems: [{ path: provider === undefined ? 'model' : 'provider', message }] };
  }
  return { route: { ...(first && { provider: first.id }), ...(read.model && { model: read.model }), ...others } };
}

function saidIn(where: string, name: string, names: RouteNames): Said {
  return { where, name, id: providerNamed(name, names) ?? name };
}

function readModelText(text: string, names: RouteNames): ModelText {
  if (!/(^|\s)--/.test(text)) return readName(text, names);
  const words: string[] = [];
  const said: Said[] = [];
  const tokens = text.trim().split(/\s+/);
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? '';
    if (!token.startsWith('--')) {
      words.push(token);
      continue;
    }
    const [flag, inline] = token.split(/=(.*)/s);
    if (flag !== '--provider') {
      return { said, problem: `unknown option ${quoted(flag ?? token)} in a model; known: --provider NAME` };
    }
    const name = inline ?? tokens[++at];
    if (!name || name.startsWith('--')) return { said, problem: 'expected the name of a provider after --provider' };
    said.push(saidIn('--provider', name, names));
  }
  const rest = readName(words.join(' '), names);
  return { ...rest, said: [...said, ...rest.said] };
}

/** Reads an alias, `provider:model`, `custom:provider:model`, or the name of a model. */
function readName(text: string, names: RouteNames): ModelText {
  if (text === '') return { said: [] };
  const alias = aliasOf(text, names);
  if (alias) return alias;
  const prefix = prefixOf(text, names);
  if (!prefix) return { model: text, said: [] };
  const said = [saidIn(`the model ${quoted(text)}`, prefix.name, names)];
  const model = text.slice(prefix.length).trim();
  if (model === '') return { said, problem: `expected a model after ${quoted(text)}` };
  const inner = aliasOf(model, names);
  return inner ? { ...inner, said: [...said, ...inner.said] } : { model, said };
}

function aliasOf(text: string, names: RouteNames): ModelText | undefined {
  const aliases = names.model_aliases ?? {};
  const meant = Object.hasOwn(aliases, text) ? aliases[text] : undefined;
  if (!meant) return undefined;
  const said = meant.provider === undefined ? [] : [saidIn(`the alias ${quoted(text)}`, meant.provider, names)];
  return { ...(meant.model !== undefined && { model: meant.model }), said };
}

function prefixOf(text: string, names: RouteNames): { name: string; length: number } | undefined {
  const [first = '', second = '', ...rest] = text.split(':');
  if (first === text) return undefined;
  if (providerNamed(first, names) !== undefined) return { name: first, length: first.length + 1 };
  if (first !== 'custom' || rest.length === 0 || providerNamed(second, names) === undefined) return undefined;
  return { name: second, length: `custom:${second}:`.length };
}
