import type { Provider } from '../catalogue/provider.ts';
import { ErrandError } from '../errors.ts';

/** Makes the error for something that is not the protocol of its wire. `sent` says what the provider sent. */
export function malformed({ name, base_url, wire }: Provider, sent: string): ErrandError {
  return new ErrandError('PROVIDER_MALFORMED', `Provider "${name}" sent ${sent}`, {
    remedy: `Check providers.${name}.base_url, now ${base_url}, and providers.${name}.wire, now ${wire}: they must belong together.`,
  });
}
