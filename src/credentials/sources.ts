import { readFile } from 'node:fs/promises';
import { Secret } from '../base/secret.ts';
import { ErrandError, messageOf } from '../errors.ts';
import type { Credential } from './credential.ts';

/** The variables a worker was started with, handed in by whoever may read them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a keyless endpoint gets: local servers want some key, and take any (B72). */
const KEYLESS = new Secret('none');

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

async function secretFromFile(path: string, origin: string, remedy: string): Promise<Secret> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw missing(`${origin} cannot be read: ${messageOf(error)}.`, remedy, error);
  });
  return secretFrom(text, origin, remedy);
}

async function secretFromVariable(name: string, environment: Environment): Promise<Secret> {
  const remedy = `Set ${name} or ${name}_FILE on every worker.`;
  const value = environment[name];
  if (value !== undefined && value !== '') return secretFrom(value, name, remedy);
  const path = environment[`${name}_FILE`];
  if (path) return secretFromFile(path, `The file ${path} (from ${name}_FILE)`, remedy);
  throw missing(`${name} is ${value === undefined ? 'not set' : 'empty'}.`, remedy);
}

/**
 * Reads the credential a provider's profile points to: `env:NAME`, `file:/path` or `none`.
 *
 * `env:NAME` wins over the file that `NAME_FILE` names, the convention of Docker and Kubernetes. A file is read anew
 * at every call, because Kubernetes swaps it when the secret changes. Surrounding white space is dropped.
 *
 * @throws ErrandError `CREDENTIAL_MISSING`, naming the variable or file, never a value.
 */
export async function readCredential(source: string, environment: Environment): Promise<Credential> {
  if (source === 'none') return { id: source, secret: KEYLESS };
  if (source.startsWith('env:')) return { id: source, secret: await secretFromVariable(source.slice(4), environment) };
  const path = source.slice('file:'.length);
  const remedy = `Mount the key at ${path} on every worker.`;
  return { id: source, secret: await secretFromFile(path, `The file ${path}`, remedy) };
}
