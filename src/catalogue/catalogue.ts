import { quoted } from '../base/text.ts';
import { ErrandError } from '../errors.ts';
import type { DeclaredProvider, Provider } from './provider.ts';
import { BUILT_IN_PROVIDERS } from './rows.ts';

/** The providers of one deployment. */
export type Catalogue = {
  /** Every provider by name. */
  readonly providers: Readonly<Record<string, Provider>>;
  /** @throws ErrandError `ROUTE_UNSUPPORTED`, listing the known names. */
  get(name: string): Provider;
  /** All names, sorted. */
  names(): string[];
};

/**
 * Adds the built-in providers to those that a configuration declares.
 *
 * A declared provider replaces the whole built-in provider of the same name. A merge field by field could send the key
 * of one provider to the endpoint of another.
 */
export function withBuiltIn<T extends object>(declared: Record<string, T>): Record<string, T | DeclaredProvider> {
  return { ...BUILT_IN_PROVIDERS, ...declared };
}

/** Makes the catalogue of a deployment from all of its providers. */
export function createCatalogue(providers: readonly Provider[]): Catalogue {
  const byName = Object.fromEntries(providers.map((provider) => [provider.name, deepFreeze(provider)]));
  return {
    providers: byName,
    get: (name) => providerIn(byName, name),
    names: () => Object.keys(byName).sort(),
  };
}

/**
 * Returns the provider of this name.
 * @throws ErrandError `ROUTE_UNSUPPORTED`, listing the known names.
 */
export function providerIn<T>(providers: Readonly<Record<string, T>>, name: string): T {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
  if (provider !== undefined) return provider;
  throw new ErrandError('ROUTE_UNSUPPORTED', unknownProvider(name, providers));
}

/** Returns the message about an unknown provider, with the names of the known ones. */
export function unknownProvider(name: string, providers: Readonly<Record<string, unknown>>): string {
  return `unknown provider ${quoted(name)}; known: ${Object.keys(providers).sort().join(', ')}`;
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
