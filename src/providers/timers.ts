import { ErrandError } from '../errors.ts';
import type { ProviderProfile } from './profile.ts';

type Limit = keyof ProviderProfile['timeouts'];

const WAITED_FOR: Record<Limit, string> = {
  headers_ms: 'no response headers',
  first_token_ms: 'headers but no first event',
  idle_ms: 'no further event',
  total_ms: 'no complete turn',
};

/** A complete answer may be followed by usage and the end of the body; this long, and not for ever. */
const LINGER_MS = 1_000;

/**
 * The four limits of one model call, as one signal.
 *
 * Two timers in all: one for the whole call, one for the phase it is in, which each event only refreshes.
 */
export class CallTimers {
  readonly #controller = new AbortController();
  readonly #profile: ProviderProfile;
  readonly #caller: AbortSignal;
  readonly #leave: () => void;
  readonly #total: NodeJS.Timeout;
  #phase: NodeJS.Timeout;
  #limit: Limit = 'headers_ms';
  #isComplete = false;

  /** Aborts with the caller's signal, or when a limit is passed. */
  readonly signal: AbortSignal;

  constructor(profile: ProviderProfile, caller: AbortSignal) {
    this.#profile = profile;
    this.signal = this.#controller.signal;
    this.#caller = caller;
    this.#leave = () => this.#controller.abort(caller.reason);
    caller.addEventListener('abort', this.#leave, { once: true });
    this.#total = setTimeout(() => this.#expire('total_ms'), profile.timeouts.total_ms);
    this.#phase = setTimeout(() => this.#expire(this.#limit), profile.timeouts.headers_ms);
  }

  /** Starts waiting for the first event. */
  headersArrived(): void {
    this.#enter('first_token_ms');
  }

  /** Starts waiting for the next event. */
  eventArrived(): void {
    if (this.#limit === 'idle_ms') this.#phase.refresh();
    else this.#enter('idle_ms');
  }

  /** Starts waiting for the end of the body, briefly. */
  turnCompleted(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    clearTimeout(this.#phase);
    this.#phase = setTimeout(() => this.#controller.abort(), LINGER_MS);
  }

  /** The `PROVIDER_TIMED_OUT` of the limit that was passed, if one was. */
  get expired(): ErrandError | undefined {
    const { reason } = this.#controller.signal;
    return reason instanceof ErrandError ? reason : undefined;
  }

  /** Clears both timers. */
  stop(): void {
    clearTimeout(this.#phase);
    clearTimeout(this.#total);
    this.#caller.removeEventListener('abort', this.#leave);
  }

  #enter(limit: Limit): void {
    this.#limit = limit;
    clearTimeout(this.#phase);
    this.#phase = setTimeout(() => this.#expire(limit), this.#profile.timeouts[limit]);
  }

  #expire(limit: Limit): void {
    const { name, timeouts } = this.#profile;
    const message = `Provider "${name}" sent ${WAITED_FOR[limit]} within ${timeouts[limit]} ms (timeouts.${limit}).`;
    this.#controller.abort(new ErrandError('PROVIDER_TIMED_OUT', message));
  }
}
