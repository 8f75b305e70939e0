import { isShownAsPath } from '../base/path-text.ts';
import { Secret } from '../base/secret.ts';
import { systemFaultText } from '../contract/system-fault.ts';

/** Variables of a process. They are passed as a value, so that only one file reads them from the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A file that holds a secret, and the variable that names the file. */
export type SecretFile = { path: string; variable: string };

/** The place of the secret of a name: its variable, a file, or nowhere. An empty variable holds no secret. */
export type SecretPlace =
  | { status: 'variable'; secret: Secret }
  | ({ status: 'file' } & SecretFile)
  | { status: 'absent'; isEmpty: boolean };

/** Finds secrets by the name of their variable. It cannot list them, and it prints none of them. */
export interface SecretReader {
  /**
   * Finds the secret of a name, without reading a file. `NAME` wins over the file that `NAME_FILE` names, the
   * convention of Docker and Kubernetes.
   */
  find: (name: string) => SecretPlace;
}

/** Makes a reader of the secrets in these variables. */
export function secretsIn(environment: Environment): SecretReader {
  return { find: (name) => placeOf(name, environment) };
}

function placeOf(name: string, environment: Environment): SecretPlace {
  const value = environment[name];
  if (value) return { status: 'variable', secret: new Secret(value) };
  const variable = `${name}_FILE`;
  const path = environment[variable];
  return path ? { status: 'file', path, variable } : { status: 'absent', isEmpty: value === '' };
}

/**
 * Says why the file of a secret cannot be read, without a full stop; `name` is what the message calls the file.
 *
 * The path is named only if it looks like one, because it may be the secret itself in the wrong variable. The error of
 * the system repeats the path, so it is the cause only then.
 */
export function whyUnreadable(
  { path, variable }: SecretFile,
  name: string,
  error: unknown,
): { message: string; cause?: unknown } {
  if (!isShownAsPath(path)) return { message: `${variable} is not a path of a readable file` };
  return { message: `${name} cannot be read: ${systemFaultText(error)}`, cause: error };
}
