import { isUtf8 } from 'node:buffer';
import { closeSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { placeIn } from '../base/place.ts';
import { ErrandError, isErrandError, messageOf } from '../errors.ts';
import { readYaml } from './batch-file/yaml-text.ts';
import { faultText, yamlFault } from './syntax.ts';

/** The names under which a configuration is found in the working directory. YAML is a superset of JSON. */
const DEFAULT_FILES = ['errand.config.yaml', 'errand.config.yml', 'errand.config.json'];

const MAX_BYTES = 1024 * 1024;
const BOUNDS = { maxDepth: 32, levels: 32, maxFields: 10_000, maxTasks: 1, maxValues: 100_000 };

/** The settings of a file, and its name as it was found or named; `null` without a file. */
export type ConfigFile = { file: string | null; settings: Record<string, unknown> };

/**
 * Returns the settings in the file that is named, or in the configuration of the working directory; nothing if there is
 * neither. A section of which all is commented out reads as `null`, and is absent.
 *
 * The process gets a warning if the working directory has a configuration that is not read because another one is named.
 *
 * @throws ErrandError `CONFIG_INVALID` if the file cannot be read or holds no settings, or if the directory has two.
 */
export function readConfigFile(named: string | undefined): ConfigFile {
  const file = named || configFileHere();
  if (file === null) return { file, settings: {} };
  if (named) warnOfUnread(named);
  const text = textOf(file, Boolean(named));
  const value = yamlOf(text, file) ?? {};
  if (typeof value === 'object' && !Array.isArray(value)) {
    return { file, settings: Object.fromEntries(Object.entries(value).filter(([, section]) => section !== null)) };
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
    const bytes = bytesOf(file);
    if (isUtf8(bytes) && !bytes.includes(0)) return bytes.toString('utf8').replace(/^\ufeff/, '');
    const remedy = `Save ${resolve(file)} as UTF-8.`;
    throw new ErrandError('CONFIG_INVALID', `${file} is not UTF-8; perhaps it is Latin-1 or UTF-16`, { remedy });
  } catch (error) {
    if (isErrandError(error)) throw error;
    // A file that exists and cannot be read must not pass for an absent one: its routes would go elsewhere silently.
    throw cannotBeRead(file, isNamed, error);
  }
}

/** A device such as `/dev/zero` never ends, so no more is read than a configuration can have. */
function bytesOf(file: string): Buffer {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  const descriptor = openSync(file, 'r');
  try {
    let size = 0;
    for (let read = -1; read !== 0 && size < buffer.length; size += read) {
      read = readSync(descriptor, buffer, size, buffer.length - size, null);
    }
    if (size <= MAX_BYTES) return buffer.subarray(0, size);
  } finally {
    closeSync(descriptor);
  }
  const remedy = `Set ERRAND_CONFIG to a file of settings; ${resolve(file)} is none.`;
  throw new ErrandError('CONFIG_INVALID', `${file}: expected at most ${MAX_BYTES} bytes, got more`, { remedy });
}

function cannotBeRead(file: string, isNamed: boolean, error: unknown): ErrandError {
  const whose = isNamed ? `ERRAND_CONFIG names ${file}, which` : file;
  const remedy = isNamed
    ? `Set ERRAND_CONFIG to a file that this process can read (ls -l ${resolve(file)}), or unset it.`
    : `Let this process read it: ls -l ${resolve(file)}`;
  return new ErrandError('CONFIG_INVALID', `${whose} cannot be read: ${messageOf(error)}`, { cause: error, remedy });
}

function yamlOf(text: string, file: string): unknown {
  let value: unknown;
  try {
    value = parseYaml(text, { logLevel: 'error' });
  } catch (error) {
    const fault = yamlFault(error);
    const remedy = fault.place ? `Fix line ${fault.place.line} of ${resolve(file)}.` : `Fix ${resolve(file)}.`;
    throw new ErrandError('CONFIG_INVALID', `${file} is not YAML: ${faultText(fault)}`, { remedy });
  }
  assertUnchanged(text, file, `Fix ${resolve(file)}.`);
  return value;
}

/**
 * Refuses YAML or JSON of which a parser drops or changes a part silently, as for batch files: numbers such as `0777`, tags,
 * YAML 1.1, fields that are given twice, `__proto__`. @throws ErrandError `CONFIG_INVALID`.
 */
export function assertUnchanged(text: string, label: string, remedy: string): void {
  const reading = readYaml(text, BOUNDS, label);
  if (reading.status === 'read') return;
  const [{ path, at, what }] = reading.faults;
  const { line, column } = placeIn(text, at);
  const where = path === '' ? '' : `${path}: `;
  const found = what.replace('; quote it as a string', '');
  const message = `${label}: ${where}${found} at line ${line}, column ${column}`;
  throw new ErrandError('CONFIG_INVALID', message, { remedy });
}
