import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Secret } from '../base/secret.ts';
import { systemFaultText } from '../contract/system-fault.ts';
import { ErrandError } from '../errors.ts';
import type { Credential } from './credential.ts';
import { type SecretFile, type SecretReader, whyUnreadable } from './secrets.ts';

/** The key for an endpoint without keys: local servers require some key and accept any. */
const KEYLESS = new Secret('none');

/**
 * A file that changed more recently may still be growing. It is read again until it is stable, up to `RESTING_READS`
 * times.
 */
const FRESH_MS = 50;
const REST_MS = 20;
const RESTING_READS = 10;

function missing(what: string, remedy: string, cause?: unknown): ErrandError {
  return new ErrandError('CREDENTIAL_MISSING', what, { remedy, cause });
}

/** Refuses characters that a header cannot carry. Other code might quote the key in its message; this code does not. */
function secretFrom(value: string, origin: string, remedy: string): Secret {
  const key = value.trim();
  if (key === '') throw missing(`${origin} is empty.`, remedy);
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw missing(`${origin} has characters that a key cannot have (blanks, line breaks or non-ASCII).`, remedy);
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
 * Reads the text of a file. A file that has just changed is read until two readings agree, so that no half-written key
 * is used.
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

/** Reads the file of a `file:` source. */
async function secretFromPath(path: string): Promise<Secret> {
  const origin = `The file ${path}`;
  const remedy = `Mount the key at ${path} on every worker.`;
  const text = await readResting(path).catch((error: unknown) => {
    throw missing(`${origin} cannot be read: ${systemFaultText(error)}.`, remedy, error);
  });
  return secretFrom(text, origin, remedy);
}

/** Reads the file that a variable names. */
async function secretFromNamed(file: SecretFile, remedy: string): Promise<Secret> {
  const origin = `The file ${file.path} (from ${file.variable})`;
  const text = await readResting(file.path).catch((error: unknown) => {
    const { message, cause } = whyUnreadable(file, origin, error);
    throw missing(`${message}.`, remedy, cause);
  });
  return secretFrom(text, origin, remedy);
}

function remedyFor(variable: string): string {
  return `Set ${variable} or ${variable}_FILE on every worker.`;
}

/** Returns the name in a source `env:NAME`; `null` for `file:/path` and `none`. */
function nameIn(source: string): string | null {
  return source.startsWith('env:') ? source.slice('env:'.length) : null;
}

async function secretNamed(name: string, secrets: SecretReader): Promise<Secret> {
  const place = secrets.find(name);
  switch (place.status) {
    case 'variable':
      return secretFrom(place.secret.reveal(), name, remedyFor(name));
    case 'file':
      return secretFromNamed(place, remedyFor(name));
    case 'absent':
      throw missing(`${name} is ${place.isEmpty ? 'empty' : 'not set'}.`, remedyFor(name));
  }
}

/** Tells whether the credential at `source` can change while the process runs: a file can, a variable cannot. */
export function canChange(source: string, secrets: SecretReader): boolean {
  const name = nameIn(source);
  return name === null ? source !== 'none' : secrets.find(name).status === 'file';
}

/**
 * Reads the credential that a provider names, once: `env:NAME`, `file:/path` or `none`.
 *
 * A file is read anew at every call, because Kubernetes swaps it when the secret changes. Surrounding white space is
 * dropped.
 *
 * @throws ErrandError `CREDENTIAL_MISSING`, naming the variable or file, never a value.
 */
export async function readCredential(source: string, secrets: SecretReader): Promise<Credential> {
  if (source === 'none') return { id: source, secret: KEYLESS };
  const name = nameIn(source);
  const secret = name === null ? secretFromPath(source.slice('file:'.length)) : secretNamed(name, secrets);
  return { id: source, secret: await secret };
}
