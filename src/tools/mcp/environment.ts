import type { Redactor } from '../../base/secret.ts';
import type { SecretReader } from '../../credentials/secrets.ts';
import { readCredential } from '../../credentials/sources.ts';
import { isSecretSource } from './settings.ts';

/** What the environment of a server is made from. */
export type EnvironmentDeps = {
  /** The variables that every server gets: what it needs to find programs and its home. */
  base: Readonly<Record<string, string>>;
  secrets: SecretReader;
  redactor: Redactor;
};

/** Returns the header that carries the credential of a server; none for `none`. */
export async function authorizationOf(
  source: string,
  { secrets, redactor }: Omit<EnvironmentDeps, 'base'>,
): Promise<Record<string, string>> {
  if (source === 'none') return {};
  const { secret } = await readCredential(source, secrets);
  redactor.watch(secret);
  return { authorization: `Bearer ${secret.reveal()}` };
}

/**
 * Returns the whole environment of a server. A value `env:NAME` or `file:/path` is read from there, and masked in logs
 * and records.
 * @throws ErrandError `CREDENTIAL_MISSING`, naming the variable or the file.
 */
export async function environmentOf(
  declared: Readonly<Record<string, string>>,
  { base, secrets, redactor }: EnvironmentDeps,
): Promise<Record<string, string>> {
  const environment: Record<string, string> = { ...base };
  for (const [name, value] of Object.entries(declared)) {
    if (!isSecretSource(value)) {
      environment[name] = value;
      continue;
    }
    const { secret } = await readCredential(value, secrets);
    redactor.watch(secret);
    environment[name] = secret.reveal();
  }
  return environment;
}
