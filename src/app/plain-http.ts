import { isLoopback } from '../catalogue/endpoint-address.ts';
import type { Provider } from '../catalogue/provider.ts';
import type { Log } from '../telemetry/log.ts';

/** A problem of the connection to a provider, and its remedy. */
export type Trouble = { message: string; remedy: string };

/**
 * Returns the problem of a provider that uses plain `http` to another machine. `null` for any other provider, and if
 * `allow_plain_http` is set.
 */
export function plainHttpTrouble({ name, base_url, credential, allow_plain_http }: Provider): Trouble | null {
  const { protocol, hostname, host } = new URL(base_url);
  if (protocol === 'https:' || allow_plain_http || isLoopback(hostname)) return null;
  const what = credential === 'none' ? 'prompts and answers' : 'the key, prompts and answers';
  return {
    message: `provider "${name}" uses plain http at ${host}: the network can read ${what}`,
    remedy: `Set providers.${name}.base_url to an https address. If the network is trusted, set providers.${name}.allow_plain_http: true.`,
  };
}

/** Logs one warning for each provider with a {@link plainHttpTrouble}. */
export function warnOfPlainHttp(providers: Provider[], log: Log): void {
  for (const provider of providers) {
    const trouble = plainHttpTrouble(provider);
    if (trouble) log.warn({ provider: provider.name, remedy: trouble.remedy }, trouble.message);
  }
}
