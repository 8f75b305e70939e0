import { PROVIDER_SETTINGS, type Provider } from '../catalogue/provider.ts';
import { settingRows } from '../contract/setting.ts';
import type { SecretReader } from '../credentials/secrets.ts';
import { isSecretSource } from '../tools/mcp/settings.ts';
import type { Config } from './config.ts';
import { isSettings, type ReadSettings, type SettingSource } from './config-layers.ts';
import { SETTINGS } from './config-settings.ts';
import { OTHER_VARIABLES } from './config-variables.ts';

/**
 * One setting in effect. `value` is masked if it may contain a secret, and `null` if it is not set and has no default.
 */
export type EffectiveSetting = { key: string; value: unknown; source: SettingSource };

/**
 * Lists every setting in effect with its source: the settings of the table, the providers, then the secrets by
 * variable.
 */
export function effectiveSettings(read: ReadSettings, config: Config, secrets: SecretReader): EffectiveSetting[] {
  const rows = settingRows(SETTINGS).filter(({ key }) => !['providers', 'model_aliases', 'mcp'].includes(key));
  const settings = rows.map(({ key, mask }): EffectiveSetting => {
    const path = key.split('.');
    const value = valueAt(config, path) ?? valueAt(read.settings, path) ?? null;
    return { key, value: mask && typeof value === 'string' ? mask(value) : value, source: read.sourceOf(path) };
  });
  const aliases = Object.entries(config.model_aliases).map(([name, value]): EffectiveSetting => {
    return { key: `model_aliases.${name}`, value, source: read.sourceOf(['model_aliases', name]) };
  });
  const servers = mcpSettings(read, config);
  const providers = config.providers.flatMap((provider) => providerSettings(provider, read));
  return [...settings, ...aliases, ...servers, ...providers, ...secretSettings(secrets)];
}

/** Lists the MCP servers. A value of their variables is shown only if it says where a secret is. */
function mcpSettings(read: ReadSettings, { mcp }: Config): EffectiveSetting[] {
  const source = read.sourceOf(['mcp']);
  const servers = mcp.servers.map(({ name, ...server }) => {
    const env = Object.entries(server.env).map(([key, value]) => [key, isSecretSource(value) ? value : '[set]']);
    return { key: `mcp.${name}`, value: { ...server, env: Object.fromEntries(env) }, source };
  });
  return [{ key: 'mcp.max_processes', value: mcp.max_processes, source }, ...servers];
}

/** Lists the settings of a provider. A missing time limit has its value and source from `watchdogs`. */
function providerSettings(provider: Provider, read: ReadSettings): EffectiveSetting[] {
  const declared = valueAt(read.settings, ['providers', provider.name]);
  return settingRows(PROVIDER_SETTINGS).map(({ key }) => {
    const path = key.split('.');
    const isOwn = valueAt(declared, path) !== undefined;
    const source = isOwn ? ['providers', provider.name] : ['watchdogs', path[1] ?? ''];
    const value = valueAt(provider, path) ?? null;
    return { key: `providers.${provider.name}.${key}`, value, source: read.sourceOf(source) };
  });
}

function secretSettings(secrets: SecretReader): EffectiveSetting[] {
  return OTHER_VARIABLES.filter(({ isSecret }) => isSecret).map(({ name }) => {
    const place = secrets.find(name);
    if (place.status === 'absent') return { key: name, value: null, source: { kind: 'default' } };
    const variable = place.status === 'file' ? place.variable : name;
    return { key: name, value: '[secret]', source: { kind: 'variable', name: variable } };
  });
}

function valueAt(from: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return from;
  return isSettings(from) && Object.hasOwn(from, name) ? valueAt(from[name], rest) : undefined;
}
