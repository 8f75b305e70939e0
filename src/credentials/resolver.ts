import type { Redactor } from '../base/secret.ts';
import { ErrandError, isErrandError } from '../errors.ts';
import type { Credential } from './credential.ts';
import { type Environment, readCredential } from './sources.ts';

/** Resolves the credentials of providers, and has each value masked before anyone can print it. */
export class CredentialResolver {
  readonly #environment: Environment;
  readonly #redactor: Redactor;
  /** The last reading of each source: one value is one `Secret`, so that clients can be kept by it. */
  readonly #known = new Map<string, Credential>();
  readonly #underWay = new Map<string, Promise<Credential>>();

  constructor(environment: Environment, redactor: Redactor) {
    this.#environment = environment;
    this.#redactor = redactor;
  }

  /**
   * Resolves the credential at `source` for `provider`. Calls for one source at the same time share one reading.
   *
   * @throws ErrandError `CREDENTIAL_MISSING`, naming the provider, the variable or file, and the remedy.
   */
  async resolve(provider: string, source: string): Promise<Credential> {
    try {
      return await this.#once(source);
    } catch (error) {
      if (!isErrandError(error)) throw error;
      throw new ErrandError(error.code, `Provider "${provider}" has no credential: ${error.message}`, {
        cause: error.cause,
        remedy: error.remedy,
      });
    }
  }

  #once(source: string): Promise<Credential> {
    const known = this.#underWay.get(source);
    if (known) return known;
    const reading = this.#read(source).finally(() => this.#underWay.delete(source));
    this.#underWay.set(source, reading);
    return reading;
  }

  async #read(source: string): Promise<Credential> {
    const credential = await readCredential(source, this.#environment);
    const known = this.#known.get(source);
    if (known?.secret.equals(credential.secret)) return known;
    this.#redactor.watch(credential.secret);
    this.#known.set(source, credential);
    return credential;
  }
}
