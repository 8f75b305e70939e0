import { type SettingRow, type SettingsTable, settingRows } from '../contract/setting.ts';
import type { Environment } from '../credentials/secrets.ts';
import type { Problem } from '../errors.ts';
import { valuesInVariables } from './config-environment.ts';
import { configInvalid } from './config-fault.ts';
import { readConfigFile } from './config-file.ts';
import { SETTINGS } from './config-settings.ts';

/** Settings in the form of the configuration file: values and sections by name. */
export type Settings = Record<string, unknown>;

/**
 * The source of a value: its default, the configuration file, a variable, or an option of a command or of the library.
 */
export type SettingSource =
  | { kind: 'default' }
  | { kind: 'file'; path: string }
  | { kind: 'variable'; name: string }
  | { kind: 'option' };

/** The merged settings of all layers, not yet checked, and the source of each. */
export type ReadSettings = {
  settings: Settings;
  /** The configuration file that was read; `null` if there is no file. */
  file: string | null;
  sourceOf: (path: readonly string[]) => SettingSource;
  /** Names a setting in a problem, with the variable if one sets exactly this setting. */
  nameOf: (path: readonly string[]) => string;
};

/**
 * Reads the settings: options override variables, which override the file. Sections are merged field by field; lists
 * and values are replaced as a whole.
 *
 * @throws ErrandError `CONFIG_INVALID` if the file or a variable cannot be read, or if a setting has the name of an
 * earlier version.
 */
export function readSettings(
  environment: Environment,
  options: Settings,
  table: SettingsTable = SETTINGS,
): ReadSettings {
  const rows = settingRows(table);
  const { file, settings: inFile } = readConfigFile(environment.ERRAND_CONFIG);
  const problems = renamedNames(rows, environment, [inFile, options]);
  if (problems.length > 0) throw configInvalid(problems, 'Use the new names. Their meaning is the same.');
  const inVariables = nested(valuesInVariables(rows, environment));
  const sourceOf = (path: readonly string[]): SettingSource => {
    if (sets(options, path)) return { kind: 'option' };
    if (sets(inVariables, path)) return { kind: 'variable', name: variableOf(path, rows) };
    return file !== null && sets(inFile, path) ? { kind: 'file', path: file } : { kind: 'default' };
  };
  return {
    settings: merge(merge(inFile, inVariables), options),
    file,
    sourceOf,
    nameOf: (path) => {
      const key = path.join('.') || 'configuration';
      const source = sourceOf(path);
      const isSetting = rows.some((row) => row.key === key);
      return isSetting && source.kind === 'variable' ? `${source.name} (${key})` : key;
    },
  };
}

/** Merges `over` into `under`, section by section. Lists and values are replaced as a whole. */
export function merge(under: Settings, over: Settings): Settings {
  const merged: Settings = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isSettings(below) && isSettings(value) ? { ...below, ...value } : value;
  }
  return merged;
}

/** Tells whether a value is a section. */
export function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Finds settings with names of earlier versions, and the names that replace them. */
function renamedNames(rows: readonly SettingRow[], environment: Environment, layers: readonly Settings[]): Problem[] {
  return rows.flatMap(({ key, variable, renamedFrom: old }) => {
    const problems: Problem[] = [];
    const oldPath = old?.key?.split('.');
    if (old?.key !== undefined && oldPath && layers.some((layer) => sets(layer, oldPath))) {
      problems.push({ path: old.key, message: `renamed to ${key}` });
    }
    if (old?.variable !== undefined && environment[old.variable]) {
      problems.push({ path: old.variable, message: `renamed to ${variable ?? key}` });
    }
    return problems;
  });
}

/** Tells whether a layer sets the value at a path. A field of a section is set as a whole. */
function sets(layer: Settings, [name = '', field]: readonly string[]): boolean {
  if (!Object.hasOwn(layer, name)) return false;
  const section = layer[name];
  return field === undefined || !isSettings(section) || Object.hasOwn(section, field);
}

function nested(values: ReadonlyMap<string, unknown>): Settings {
  const settings: Settings = {};
  for (const [key, value] of values) {
    const [name = '', field] = key.split('.');
    const section = settings[name];
    settings[name] = field === undefined ? value : { ...(isSettings(section) && section), [field]: value };
  }
  return settings;
}

/** Returns the variable that sets a path, or its section. */
function variableOf([name = '', field]: readonly string[], rows: readonly SettingRow[]): string {
  const row = rows.find(({ key }) => key === name || key === `${name}.${field}`);
  return row?.variable ?? name;
}
