import { Secret } from '../../base/secret.ts';
import { createCatalogue } from '../../catalogue/catalogue.ts';
import { Provider } from '../../catalogue/provider.ts';
import { inWords } from '../../contract/schema-words.ts';
import type { SecretReader } from '../../credentials/secrets.ts';
import type { Config } from '../config.ts';
import { BOARD_PASSWORD, SENTINEL_PASSWORD } from '../config-variables.ts';

/** The OpenAI-compatible provider of the sample, and its provider without a credential. */
export const LOCAL = 'local';
export const ACME = 'acme';

const KEY = 'SIMULATOR_KEY';
/** The secrets of the deployment that the sample uses. None is a key of a provider. */
const KEPT = [BOARD_PASSWORD, SENTINEL_PASSWORD];
const MADE_UP_PRICE = { input: 2, cached_input: 0.5, output: 10 };

/**
 * Returns the configuration with all providers served by the simulator, and with two more providers for the sample.
 *
 * It cannot reach a real account: every address is the simulator's, and {@link simulatedSecrets} has only the
 * simulator's key. The prefix differs, so that simulated workers take no real tasks and real workers take no simulated
 * tasks.
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
  ].map((provider) => Provider.parse(provider, inWords('setting')));
  return {
    ...config,
    prefix: config.prefix.replace(/\}$/, '-simulated}'),
    providers: [...own.filter(({ name }) => name !== LOCAL && name !== ACME), ...sample],
  };
}

/**
 * Makes a reader of the simulator's key, and of the passwords of the board and the Sentinels, which the sample also
 * needs.
 */
export function simulatedSecrets(secrets: SecretReader): SecretReader {
  return {
    find: (name) => {
      if (name === KEY) return { status: 'variable', secret: new Secret('a-key-the-simulator-takes') };
      return KEPT.includes(name) ? secrets.find(name) : { status: 'absent', isEmpty: false };
    },
  };
}

/**
 * Returns a provider served by the simulator: with the same wire and models, and with a price so that the sample has
 * costs.
 */
function serve(provider: Provider, simulatorUrl: string): Provider {
  const { default_model: model } = provider;
  return {
    ...provider,
    base_url: provider.wire === 'messages' ? simulatorUrl : `${simulatorUrl}/v1`,
    credential: `env:${KEY}`,
    prices: model === undefined ? provider.prices : { [model]: MADE_UP_PRICE, ...provider.prices },
  };
}
