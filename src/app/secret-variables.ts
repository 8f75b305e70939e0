import type { Provider } from '../catalogue/provider.ts';
import { BUILT_IN_PROVIDERS } from '../catalogue/rows.ts';
import type { McpServer } from '../tools/mcp/settings.ts';
import { OTHER_VARIABLES } from './config-variables.ts';

/** Variables from which the SDKs of the providers read secrets, beside those of the built-in providers. */
const READ_BY_SDKS = ['OPENAI_ADMIN_KEY', 'OPENAI_CUSTOM_HEADERS', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_CUSTOM_HEADERS'];

/** The settings that name secrets. */
export type SecretSettings = {
  providers: readonly Pick<Provider, 'credential'>[];
  mcp: { servers: readonly Pick<McpServer, 'credential' | 'env'>[] };
};

/**
 * Lists the variables that may hold a secret of the worker: the credentials of its providers, of the built-in ones and
 * of its MCP servers, the passwords of Errand, and the address of Redis. Each may be in a file instead, named by the suffix `_FILE`.
 */
export function secretVariables({ providers, mcp }: SecretSettings): string[] {
  const ofProviders = [...providers, ...Object.values(BUILT_IN_PROVIDERS)].map(({ credential }) => credential ?? '');
  const ofServers = mcp.servers.flatMap(({ credential, env }) => [credential, ...Object.values(env)]);
  const sources = [...ofProviders, ...ofServers];
  const named = sources.flatMap((source) => (source.startsWith('env:') ? [source.slice('env:'.length)] : []));
  const passwords = OTHER_VARIABLES.flatMap(({ name, isSecret }) => (isSecret ? [name] : []));
  const secrets = [...named, ...passwords, ...READ_BY_SDKS].flatMap((name) => [name, `${name}_FILE`]);
  return ['REDIS_URL', ...new Set(secrets)];
}
