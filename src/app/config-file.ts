import { isUtf8 } from 'node:buffer';
import { closeSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { placeIn } from '../base/place.ts';
import { systemFaultText } from '../contract/system-fault.ts';
import { ErrandError, isErrandError } from '../errors.ts';
import { readYaml } from './batch-file/yaml-text.ts';
import { faultText, yamlFault } from './syntax.ts';

/** The names of configuration files in the working directory. YAML is a superset of JSON. */
const DEFAULT_FILES = ['errand.config.yaml', 'errand.config.yml', 'errand.config.json'];

const MAX_BYTES = 1024 * 1024;
const BOUNDS = { maxDepth: 32, levels: 32, maxFields: 10_000, maxTasks: 1, maxValues: 100_000 };

/** The settings of a configuration file. `file`: its name; `null` if there is no file. */
export type ConfigFile = { file: string | null; settings: Record<string, unknown> };

/**
 * Reads the named file, or the configuration file of the working directory. A missing default file is an empty
 * configuration. A section whose lines are all commented out is `null` in YAML, and counts as absent.
 *
 * The process gets a warning if a file is named and the working directory has another configuration, which is not read.
 *
 * @throws ErrandError `CONFIG_INVALID` if the file cannot be read or has no settings, or if the directory has two
 * files.
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
 * Returns the name of the configuration file in the working directory, or `null` if there is no such file.
 * @throws ErrandError `CONFIG_INVALID` if there are two files: one of them would be ignored silently.
 */
export function configFileHere(): string | null {
  const [file = null, other] = DEFAULT_FILES.filter(exists);
  if (file === null || other === undefined) return file;
  const remedy = `Keep one of them, or name the one to use: export ERRAND_CONFIG=${file}`;
  throw new ErrandError('CONFIG_INVALID', `found two configuration files: ${resolve(file)} and ${resolve(other)}`, {
    remedy,
  });
}

/** Tells whether a file exists. A broken link exists too, so that reading it fails instead of finding no file. */
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
    const text = `${resolve(file)} is not read: ERRAND_CONFIG or the option config names ${resolve(named)}`;
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
    throw new ErrandError('CONFIG_INVALID', `${file} is not UTF-8; it may be Latin-1 or UTF-16`, { remedy });
  } catch (error) {
    if (isErrandError(error)) throw error;
    // An unreadable file must not count as a missing file: tasks would silently take other routes.
    throw cannotBeRead(file, isNamed, error);
  }
}

/** Reads at most `MAX_BYTES`, because a device such as `/dev/zero` never ends. */
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
  const remedy = `Set ERRAND_CONFIG to a configuration file instead of ${resolve(file)}.`;
  throw new ErrandError('CONFIG_INVALID', `${file}: expected at most ${MAX_BYTES} bytes, got more`, { remedy });
}

function cannotBeRead(file: string, isNamed: boolean, error: unknown): ErrandError {
  const what = isNamed ? `${file} (named by ERRAND_CONFIG)` : file;
  const remedy = isNamed
    ? `Set ERRAND_CONFIG to a file that this process can read (ls -l ${resolve(file)}), or unset it.`
    : `Give this process the right to read it: ls -l ${resolve(file)}`;
  return new ErrandError('CONFIG_INVALID', `${what} cannot be read: ${systemFaultText(error)}`, {
    cause: error,
    remedy,
  });
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
 * Refuses YAML or JSON that a parser would change silently, as for batch files: numbers such as `0777`, tags, YAML 1.1,
 * repeated fields, `__proto__`. @throws ErrandError `CONFIG_INVALID`.
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
