import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isShownAsPath } from '../base/path-text.ts';
import { Secret } from '../base/secret.ts';
import { ErrandError, messageOf } from '../errors.ts';
import type { Credential } from './credential.ts';

/** The variables a worker was started with, handed in by whoever may read them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a keyless endpoint gets: local servers want some key, and take any. */
const KEYLESS = new Secret('none');

/** A file that changed this recently may still be growing. It is read again until it stops changing, this often at most. */
const FRESH_MS = 50;
const REST_MS = 20;
const RESTING_READS = 10;

function missing(what: string, remedy: string, cause?: unknown): ErrandError {
  return new ErrandError('CREDENTIAL_MISSING', what, { remedy, cause });
}

/** A key travels in a header; what cannot stand there is refused here, where no message can quote it. */
function secretFrom(value: string, origin: string, remedy: string): Secret {
  const key = value.trim();
  if (key === '') throw missing(`${origin} is empty.`, remedy);
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw missing(`${origin} holds characters that no key has (blanks, line breaks or non-ASCII).`, remedy);
  }
  return new Secret(key);
}

async function readOnce(path: string): Promise<{ text: string; isFresh: boolean }> {
  const file = await open(path);
  try {
    const text = await file.readFile('utf8');
    const { mtimeMs } = await file.stat();
    return { text, isFresh: Math.abs(Date.now() - mtimeMs) < FRESH_MS };
  } finally {
    await file.close();
  }
}

/**
 * The text of a file. A file that has just changed is read until two readings agree, so that no half-written key is used.
 */
async function readResting(path: string): Promise<string> {
  let { text, isFresh } = await readOnce(path);
  for (let reads = 1; isFresh && reads < RESTING_READS; reads++) {
    await delay(REST_MS);
    const again = await readOnce(path);
    if (again.text === text) break;
    ({ text, isFresh } = again);
  }
  return text;
}

/** `variable`: the one that names the file, if a variable does. */
type KeyFile = { path: string; origin: string; remedy: string; variable?: string };

async function secretFromFile({ path, origin, remedy, variable }: KeyFile): Promise<Secret> {
  const text = await readResting(path).catch((error: unknown) => {
    // The error of the system repeats the path too, so it is no cause of this one.
    if (variable && !isShownAsPath(path)) throw missing(`${variable} is not a path of a readable file.`, remedy);
    throw missing(`${origin} cannot be read: ${messageOf(error)}.`, remedy, error);
  });
  return secretFrom(text, origin, remedy);
}

function remedyFor(variable: string): string {
  return `Set ${variable} or ${variable}_FILE on every worker.`;
}

function secretFromVariable(name: string, environment: Environment): Secret {
  const value = environment[name];
  if (value !== undefined && value !== '') return secretFrom(value, name, remedyFor(name));
  throw missing(`${name} is ${value === undefined ? 'not set' : 'empty'}.`, remedyFor(name));
}

/** The file that a source is read from; `null` for `none` or a variable. */
function fileBehind(source: string, environment: Environment): KeyFile | null {
  if (source === 'none') return null;
  if (!source.startsWith('env:')) {
    const path = source.slice('file:'.length);
    return { path, origin: `The file ${path}`, remedy: `Mount the key at ${path} on every worker.` };
  }
  const name = source.slice('env:'.length);
  const path = environment[`${name}_FILE`];
  if (environment[name] || !path) return null;
  const variable = `${name}_FILE`;
  return { path, origin: `The file ${path} (from ${variable})`, remedy: remedyFor(name), variable };
}

/** Tells whether the credential at `source` can change while the process runs: a file can, a variable cannot. */
export function canChange(source: string, environment: Environment): boolean {
  return fileBehind(source, environment) !== null;
}

/**
 * Reads the credential that a provider names, once: `env:NAME`, `file:/path` or `none`.
 *
 * `env:NAME` wins over the file that `NAME_FILE` names, the convention of Docker and Kubernetes. A file is read anew
 * at every call, because Kubernetes swaps it when the secret changes. Surrounding white space is dropped.
 *
 * @throws ErrandError `CREDENTIAL_MISSING`, naming the variable or file, never a value.
 */
export async function readCredential(source: string, environment: Environment): Promise<Credential> {
  const file = fileBehind(source, environment);
  if (file) return { id: source, secret: await secretFromFile(file) };
  if (source === 'none') return { id: source, secret: KEYLESS };
  return { id: source, secret: secretFromVariable(source.slice('env:'.length), environment) };
}
