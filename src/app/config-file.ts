import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { ErrandError, messageOf } from '../errors.ts';
import { faultText, yamlFault } from './syntax.ts';

/** The names under which a configuration is found in the working directory. YAML is a superset of JSON. */
const DEFAULT_FILES = ['errand.config.yaml', 'errand.config.yml', 'errand.config.json'];

/** Files that were passed over and are already reported: a process reads its configuration more than once. */
const reported = new Set<string>();

/**
 * Returns the settings in the file that is named, or in the configuration of the working directory; nothing if there is
 * neither. A section of which all is commented out reads as `null`, and is absent.
 *
 * A process warns of a configuration in the working directory that it does not read because another one is named.
 *
 * @throws ErrandError `CONFIG_INVALID` if the file cannot be read or holds no settings, or if the directory has two.
 */
export function readConfigFile(named: string | undefined): Record<string, unknown> {
  const file = named || configFileHere();
  if (file === null) return {};
  if (named) warnOfUnread(named);
  const text = textOf(file, Boolean(named));
  const value = yamlOf(text, file) ?? {};
  if (typeof value === 'object' && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).filter(([, section]) => section !== null));
  }
  const got = Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  const remedy = `Write settings such as "redis_url: redis://127.0.0.1:6379" into ${resolve(file)}.`;
  throw new ErrandError('CONFIG_INVALID', `${file}: expected settings by name, got ${got}`, { remedy });
}

/**
 * Returns the name of the configuration in the working directory, or `null` without one.
 * @throws ErrandError `CONFIG_INVALID` if there are two: whichever was chosen, the other would be lost silently.
 */
export function configFileHere(): string | null {
  const [file = null, other] = DEFAULT_FILES.filter(exists);
  if (file === null || other === undefined) return file;
  const remedy = `Keep one of them, or name the one to use: export ERRAND_CONFIG=${file}`;
  throw new ErrandError('CONFIG_INVALID', `two configurations: ${resolve(file)} and ${resolve(other)}`, { remedy });
}

/** A link to nowhere exists too: it is refused when it is read, and does not pass for an absent file. */
function exists(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw cannotBeRead(file, false, error);
  }
}

function warnOfUnread(named: string): void {
  for (const file of DEFAULT_FILES) {
    if (!exists(file) || placeOf(file) === placeOf(named)) continue;
    const text = `the configuration is ${resolve(named)}, which ERRAND_CONFIG or the option config names; ${resolve(file)} is not read`;
    if (reported.has(text)) continue;
    reported.add(text);
    process.emitWarning(text, 'ErrandWarning', 'ERRAND_CONFIG_NOT_READ');
  }
}

function placeOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

function textOf(file: string, isNamed: boolean): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // A file that exists and cannot be read must not pass for an absent one: its routes would go elsewhere silently.
    throw cannotBeRead(file, isNamed, error);
  }
}

function cannotBeRead(file: string, isNamed: boolean, error: unknown): ErrandError {
  const whose = isNamed ? `ERRAND_CONFIG names ${file}, which` : file;
  const remedy = isNamed
    ? `Set ERRAND_CONFIG to a file that this process can read (ls -l ${resolve(file)}), or unset it.`
    : `Let this process read it: ls -l ${resolve(file)}`;
  return new ErrandError('CONFIG_INVALID', `${whose} cannot be read: ${messageOf(error)}`, { cause: error, remedy });
}

function yamlOf(text: string, file: string): unknown {
  try {
    return parseYaml(text, { logLevel: 'error' });
  } catch (error) {
    const fault = yamlFault(error);
    const remedy = fault.place ? `Fix line ${fault.place.line} of ${resolve(file)}.` : `Fix ${resolve(file)}.`;
    throw new ErrandError('CONFIG_INVALID', `${file} is not YAML: ${faultText(fault)}`, { remedy });
  }
}
