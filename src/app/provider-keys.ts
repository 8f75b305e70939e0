import { createCatalogue } from '../catalogue/catalogue.ts';
import type { Provider } from '../catalogue/provider.ts';
import { readCredential } from '../credentials/sources.ts';
import { isErrandError } from '../errors.ts';
import type { Config } from './config.ts';

/** A provider and whether its credential can be read here; `remedy` is `null` where it can. Never the credential. */
export type ProviderKey = { provider: Provider; remedy: string | null };

/** Looks for the credential of every provider of the deployment, by name. */
export async function providerKeys(config: Config): Promise<ProviderKey[]> {
  const catalogue = createCatalogue(config.providers);
  return Promise.all(
    catalogue.names().map(async (name) => {
      const provider = catalogue.get(name);
      return { provider, remedy: await remedyFor(provider.credential, config) };
    }),
  );
}

async function remedyFor(source: string, { environment }: Config): Promise<string | null> {
  try {
    await readCredential(source, environment);
    return null;
  } catch (error) {
    if (isErrandError(error, 'CREDENTIAL_MISSING')) return `${error.message} ${error.remedy}`;
    throw error;
  }
}
