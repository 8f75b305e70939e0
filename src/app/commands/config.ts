import { resolve } from 'node:path';
import { oneLine } from '../../base/text.ts';
import { checkSettings, processEnvironment, processSecrets } from '../config.ts';
import { type EffectiveSetting, effectiveSettings } from '../config-effective.ts';
import { readSettings, type SettingSource } from '../config-layers.ts';
import { EXIT } from '../exit-code.ts';
import type { Screen } from '../screen/screen.ts';
import { table } from '../screen/table.ts';

/**
 * Prints every setting in effect, with its source. Secrets are masked. Needs no Redis.
 *
 * @throws ErrandError `CONFIG_INVALID`, exactly as a worker would.
 */
export async function config({ json = false }: { json?: boolean }, screen: Screen): Promise<number> {
  const read = readSettings(processEnvironment(), {});
  const settings = effectiveSettings(read, checkSettings(read), processSecrets());
  const file = read.file === null ? null : resolve(read.file);
  if (json) {
    screen.json({ file, settings: settings.map((setting) => ({ ...setting, source: jsonOf(setting.source) })) });
    return EXIT.ok;
  }
  screen.print(tablesOf(settings, screen.width));
  screen.note(file === null ? 'No configuration file.' : `file: ${oneLine(file)}`);
  return EXIT.ok;
}

/** Formats two tables: keys of providers are long, so providers have a table with a column for their name. */
function tablesOf(settings: readonly EffectiveSetting[], width: number): string {
  const isOfProvider = ({ key }: EffectiveSetting) => key.startsWith('providers.');
  const others = settings.filter((setting) => !isOfProvider(setting)).map((setting) => rowOf(setting.key, setting));
  const providers = settings.filter(isOfProvider).map((setting) => {
    const [, provider = '', ...key] = setting.key.split('.');
    return { provider, ...rowOf(key.join('.'), setting) };
  });
  return `${table(others, { width })}\n\n${table(providers, { width })}`;
}

function rowOf(key: string, { value, source }: EffectiveSetting): Record<string, string> {
  const from = source.kind === 'variable' ? source.name : source.kind;
  return { key: oneLine(key), value: oneLine(textOf(value)), source: from };
}

function textOf(value: unknown): string {
  if (value === null) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function jsonOf(source: SettingSource): SettingSource {
  return source.kind === 'file' ? { kind: 'file', path: resolve(source.path) } : source;
}
