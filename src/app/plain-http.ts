import { isLoopback } from '../catalogue/endpoint-address.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { Log } from '../telemetry/log.ts';

/** What is wrong with the way to a provider, and how to correct it. */
export type Trouble = { message: string; remedy: string };

/**
 * Describes a provider that is reached by plain `http` beyond this machine; `null` for any other provider, and if
 * `allow_plain_http` says that it is meant.
 */
export function plainHttpTrouble({ name, base_url, credential, allow_plain_http }: Provider): Trouble | null {
  const { protocol, hostname, host } = new URL(base_url);
  if (protocol === 'https:' || allow_plain_http || isLoopback(hostname)) return null;
  const what = credential === 'none' ? 'prompts and answers' : 'the key, prompts and answers';
  return {
    message: `provider "${name}" is reached by plain http at ${host}: the network between can read ${what}`,
    remedy: `Set providers.${name}.base_url to an https address. If the network is trusted, set providers.${name}.allow_plain_http: true.`,
  };
}

/** Logs one warning for each of the providers that {@link plainHttpTrouble} describes. */
export function warnOfPlainHttp(providers: Provider[], log: Log): void {
  for (const provider of providers) {
    const trouble = plainHttpTrouble(provider);
    if (trouble) log.warn({ provider: provider.name, remedy: trouble.remedy }, trouble.message);
  }
}
