import { createCatalogue } from '../catalogue/catalogue.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { SecretReader } from '../credentials/secrets.ts';
import { readCredential } from '../credentials/sources.ts';
import { isErrandError } from '../errors.ts';

/** A provider, without its credential. `remedy` is `null` if the credential can be read here. */
export type ProviderKey = { provider: Provider; remedy: string | null };

/** Looks for the credential of every provider of the deployment. */
export async function providerKeys(providers: readonly Provider[], secrets: SecretReader): Promise<ProviderKey[]> {
  const catalogue = createCatalogue(providers);
  return Promise.all(
    catalogue.names().map(async (name) => {
      const provider = catalogue.get(name);
      return { provider, remedy: await remedyFor(provider.credential, secrets) };
    }),
  );
}

async function remedyFor(source: string, secrets: SecretReader): Promise<string | null> {
  try {
    await readCredential(source, secrets);
    return null;
  } catch (error) {
    if (isErrandError(error, 'CREDENTIAL_MISSING')) return `${error.message} ${error.remedy}`;
    throw error;
  }
}
