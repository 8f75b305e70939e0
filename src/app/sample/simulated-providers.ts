import { Secret } from '../../base/secret.ts';
import { createCatalogue } from '../../catalogue/catalogue.ts';
import { Provider } from '../../catalogue/provider.ts';
import type { SecretReader } from '../../credentials/secrets.ts';
import type { Config } from '../config.ts';
import { BOARD_PASSWORD, SENTINEL_PASSWORD } from '../config-variables.ts';

/** The OpenAI-compatible provider of the sample, and the one that has no credential. */
export const LOCAL = 'local';
export const ACME = 'acme';

const KEY = 'SIMULATOR_KEY';
/** The secrets of the deployment that the sample keeps: no key of a provider is among them. */
const KEPT = [BOARD_PASSWORD, SENTINEL_PASSWORD];
const MADE_UP_PRICE = { input: 2, cached_input: 0.5, output: 10 };

/**
 * The configuration with every provider served by the simulator, and with two more for the sample.
 *
 * Nothing in it leads to a real account: every address is the simulator's, and {@link simulatedSecrets} has no key but the
 * simulator's. The prefix is another one, so that no simulated worker takes a real task, nor a real worker a simulated one.
 */
export function simulated(config: Config, simulatorUrl: string): Config {
  const catalogue = createCatalogue(config.providers);
  const own = catalogue.names().map((name) => serve(catalogue.get(name), simulatorUrl));
  const sample = [
    {
      name: LOCAL,
      wire: 'chat',
      base_url: `${simulatorUrl}/v1`,
      credential: 'none',
      default_model: 'llama-4-maverick',
    },
    {
      name: ACME,
      wire: 'chat',
      base_url: `${simulatorUrl}/v1`,
      credential: 'env:ACME_API_KEY',
      default_model: 'acme-1',
    },
  ].map((provider) => Provider.parse(provider));
  return {
    ...config,
    prefix: config.prefix.replace(/\}$/, '-simulated}'),
    providers: [...own.filter(({ name }) => name !== LOCAL && name !== ACME), ...sample],
  };
}

/** Makes a reader of the simulator's key, and of the logins at the board and at Redis, which the sample uses too. */
export function simulatedSecrets(secrets: SecretReader): SecretReader {
  return {
    find: (name) => {
      if (name === KEY) return { status: 'variable', secret: new Secret('a-key-the-simulator-takes') };
      return KEPT.includes(name) ? secrets.find(name) : { status: 'absent', isEmpty: false };
    },
  };
}

/** The same provider behind the simulator: its wire and its models, with a price so that the sample has costs. */
function serve(provider: Provider, simulatorUrl: string): Provider {
  const { default_model: model } = provider;
  return {
    ...provider,
    base_url: provider.wire === 'messages' ? simulatorUrl : `${simulatorUrl}/v1`,
    credential: `env:${KEY}`,
    prices: model === undefined ? provider.prices : { [model]: MADE_UP_PRICE, ...provider.prices },
  };
}
