import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../base/clock.ts';
import type { Redactor } from '../base/secret.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import { ErrandError, isErrandError } from '../errors.ts';
import type { Credential } from './credential.ts';
import type { SecretReader } from './secrets.ts';
import { canChange, readCredential } from './sources.ts';

/** How long a key file may be missing, empty or refused before it fails tasks. Replacing a file takes a moment. */
const PATIENCE_MS = 5_000;

/** Pauses between two readings while a task waits for a file. */
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 250;

/** When the problem of a source began, and when it was last seen. */
type Trouble = { sinceMs: number; seenMs: number };

/**
 * Resolves the credentials of providers, and registers each value for masking before any code can print it.
 *
 * Waits for a file that is being replaced: it may be empty, half-written or missing for a moment. All tasks that wait
 * for one source share one series of readings.
 */
export class CredentialResolver {
  readonly #secrets: SecretReader;
  readonly #redactor: Redactor;
  readonly #patienceMs: number;
  /** The last reading of each source. Each value has one `Secret` object, so that clients can be kept by it. */
  readonly #known = new Map<string, Credential>();
  /** Running readings and series of readings, by their subject. */
  readonly #readings = new Map<string, Promise<Credential>>();
  readonly #series = new Map<string | Credential, Promise<Credential>>();
  readonly #troubles = new Map<string | Credential, Trouble>();

  constructor(secrets: SecretReader, redactor: Redactor, patienceMs: number = PATIENCE_MS) {
    this.#secrets = secrets;
    this.#redactor = redactor;
    this.#patienceMs = patienceMs;
  }

  /**
   * Resolves the credential at `source` for `provider`, and waits up to five seconds for a file without a credential. A
   * source that has been without a credential for longer is read once.
   *
   * @throws ErrandError `CREDENTIAL_MISSING`, naming the provider, the variable or file, and the remedy; or the reason
   * of the signal.
   */
  async resolve(provider: string, source: string, signal?: AbortSignal): Promise<Credential> {
    signal?.throwIfAborted();
    const known = this.#known.get(source);
    // Nearly every task returns here. Otherwise, reading a variable costs a chain of seven promises.
    if (known && !canChange(source, this.#secrets)) return known;
    const found = this.#shared(source, () => this.#outlast(source, source, () => this.#once(source)));
    return unlessAborted(found, signal).catch((error: unknown) => {
      throw naming(provider, error);
    });
  }

  /**
   * Resolves the credential at `source` as it is now, without waiting.
   * @throws ErrandError `CREDENTIAL_MISSING`, as `resolve` does.
   */
  async look(provider: string, source: string): Promise<Credential> {
    return this.#once(source).catch((error: unknown) => {
      throw naming(provider, error);
    });
  }

  /**
   * Resolves the credential that replaced a refused credential; `null` if it is unchanged. A file gets five seconds to
   * change, once for each value: it may have been read while it was half-written, or before it was replaced.
   *
   * @throws the reason of the signal.
   */
  async replacementOf(refused: Credential, signal?: AbortSignal): Promise<Credential | null> {
    const { id: source } = refused;
    const look = async () => {
      const found = await this.#once(source);
      if (found.secret.equals(refused.secret)) throw new ErrandError('CREDENTIAL_REJECTED', `${source} is unchanged`);
      return found;
    };
    const found = this.#shared(refused, () => this.#outlast(refused, source, look));
    return unlessAborted(found, signal).catch((error: unknown) => {
      if (!isErrandError(error) || signal?.aborted) throw error;
      return null;
    });
  }

  #shared(of: string | Credential, start: () => Promise<Credential>): Promise<Credential> {
    const known = this.#series.get(of);
    if (known) return known;
    const series = start().finally(() => this.#series.delete(of));
    this.#series.set(of, series);
    return series;
  }

  /** Reads until it finds a credential or the patience is over. The pauses do not keep the process alive. */
  async #outlast(of: string | Credential, source: string, look: () => Promise<Credential>): Promise<Credential> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        const found = await look();
        this.#troubles.delete(of);
        return found;
      } catch (error) {
        if (!isErrandError(error) || !canChange(source, this.#secrets) || !this.#mayPass(of)) throw error;
      }
      await delay(pauseMs, undefined, { ref: false });
    }
  }

  /**
   * Tells whether to wait longer. A problem that was last seen long ago may have ended, so a new problem gets the full
   * wait.
   */
  #mayPass(of: string | Credential): boolean {
    const nowMs = monotonicMs();
    const known = this.#troubles.get(of);
    const sinceMs = known && nowMs - known.seenMs <= this.#patienceMs ? known.sinceMs : nowMs;
    this.#troubles.set(of, { sinceMs, seenMs: nowMs });
    return nowMs - sinceMs < this.#patienceMs;
  }

  #once(source: string): Promise<Credential> {
    const known = this.#readings.get(source);
    if (known) return known;
    const reading = this.#read(source).finally(() => this.#readings.delete(source));
    this.#readings.set(source, reading);
    return reading;
  }

  async #read(source: string): Promise<Credential> {
    const credential = await readCredential(source, this.#secrets);
    const known = this.#known.get(source);
    if (known?.secret.equals(credential.secret)) return known;
    this.#redactor.watch(credential.secret);
    this.#known.set(source, credential);
    return credential;
  }
}

function naming(provider: string, error: unknown): unknown {
  if (!isErrandError(error, 'CREDENTIAL_MISSING')) return error;
  return new ErrandError(error.code, `Provider "${provider}" has no credential: ${error.message}`, {
    cause: error.cause,
    remedy: error.remedy,
  });
}
