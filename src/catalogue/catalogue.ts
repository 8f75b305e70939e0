import { type RoutingTable, unknownProvider } from '../contract/routing.ts';
import { ErrandError } from '../errors.ts';
import { Provider } from './provider.ts';

/**
 * The providers every deployment has. The default models are those the SDKs name as current (openai 7.57.0,
 * @anthropic-ai/sdk 1.12.0) and the price library knows by name, so that a first run reports its cost.
 */
export const BUILT_IN_PROVIDERS = {
  openai: {
    wire: 'responses',
    base_url: 'https://api.openai.com/v1',
    credential: 'env:OPENAI_API_KEY',
    default_model: 'gpt-5.6-sol',
    aliases: ['openai-api'],
  },
  anthropic: {
    wire: 'messages',
    base_url: 'https://api.anthropic.com',
    credential: 'env:ANTHROPIC_API_KEY',
    default_model: 'claude-opus-5-5',
    aliases: ['claude'],
  },
} as const;

const BUILT_IN = Object.entries(BUILT_IN_PROVIDERS).map(([name, profile]) => Provider.parse({ ...profile, name }));

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
  const profiles = new Map([...BUILT_IN, ...declared].map((profile) => [profile.name, deepFreeze(profile)]));
  const names = [...profiles.keys()].sort();
  return {
    get(name) {
      const profile = profiles.get(name);
      if (profile) return profile;
      throw new ErrandError('ROUTE_UNSUPPORTED', unknownProvider(name, names));
    },
    names: () => [...names],
    routing: () =>
      Object.fromEntries(
        [...profiles].map(([name, { default_model, aliases, wire, effort_policy, efforts }]) => {
          const effort = { wire, effort_policy, efforts };
          return [name, { ...(default_model !== undefined && { default_model }), aliases: [...aliases], effort }];
        }),
      ),
  };
}
