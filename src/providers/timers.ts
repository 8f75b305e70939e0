import { ErrandError, type FailureCode } from '../errors.ts';
import type { CallLimits } from './call-limits.ts';

type Limit = keyof CallLimits;

/** What passing each limit is called, and what had been waited for. */
const EXPIRY: Record<Limit, { code: FailureCode; missing: string }> = {
  headers_ms: { code: 'PROVIDER_TIMED_OUT', missing: 'no response headers' },
  first_token_ms: { code: 'PROVIDER_FIRST_TOKEN_TIMED_OUT', missing: 'headers but no first event' },
  idle_ms: { code: 'PROVIDER_STREAM_STALLED', missing: 'no further event' },
  turn_ms: { code: 'PROVIDER_TURN_TIMED_OUT', missing: 'no complete turn' },
};

/**
 * Text, calls and usage may follow the reason for the end of a turn. Without an event for this long, the turn is complete.
 * Gaps of 2.5 s were seen before a usage chunk.
 */
const FINISH_MS = 10_000;

/**
 * The four limits of one model call, as one signal.
 *
 * Two timers in all: one for the whole call, one for the phase it is in, which each event only refreshes.
 */
export class CallTimers {
  readonly #controller = new AbortController();
  readonly #provider: string;
  readonly #limits: CallLimits;
  readonly #caller: AbortSignal;
  readonly #leave: () => void;
  readonly #turn: NodeJS.Timeout;
  #phase: NodeJS.Timeout;
  #limit: Limit = 'headers_ms';
  #isFinished = false;

  /** Aborts with the caller's signal, or when a limit is passed. */
  readonly signal: AbortSignal;

  /** `provider` is a name, for messages. */
  constructor(provider: string, limits: CallLimits, caller: AbortSignal) {
    this.#provider = provider;
    this.#limits = limits;
    this.signal = this.#controller.signal;
    this.#caller = caller;
    this.#leave = () => this.#controller.abort(caller.reason);
    caller.addEventListener('abort', this.#leave, { once: true });
    this.#turn = this.#start('turn_ms');
    this.#phase = this.#start(this.#limit);
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

  /** Starts waiting for events after the reason for the end of a turn. Closes the connection if no event comes. */
  finishedEventArrived(): void {
    if (this.#isFinished) this.#phase.refresh();
    else this.#awaitEnd();
  }

  /** Goes on waiting for the next event: the stream is alive, and says nothing. Before its first event that is no help. */
  streamIsAlive(): void {
    if (this.#limit === 'idle_ms' && !this.#isFinished) this.#phase.refresh();
  }

  /** Closes the connection of the call, if it is still open. */
  closeConnection(): void {
    this.#controller.abort();
  }

  /** The error of the limit that was passed, if one was. */
  get expired(): ErrandError | undefined {
    const { reason } = this.#controller.signal;
    return reason instanceof ErrandError ? reason : undefined;
  }

  /** Clears both timers. */
  stop(): void {
    clearTimeout(this.#phase);
    clearTimeout(this.#turn);
    this.#caller.removeEventListener('abort', this.#leave);
  }

  #awaitEnd(): void {
    this.#isFinished = true;
    clearTimeout(this.#phase);
    this.#phase = setTimeout(() => this.closeConnection(), Math.min(FINISH_MS, this.#limits.idle_ms.ms));
  }

  #enter(limit: Limit): void {
    this.#limit = limit;
    clearTimeout(this.#phase);
    this.#phase = this.#start(limit);
  }

  #start(limit: Limit): NodeJS.Timeout {
    const { ms, source } = this.#limits[limit];
    return setTimeout(() => this.#expire(limit, `${ms} ms (${source})`), ms);
  }

  #expire(limit: Limit, allowed: string): void {
    const { code, missing } = EXPIRY[limit];
    const message = `Provider "${this.#provider}" sent ${missing} within ${allowed}.`;
    this.#controller.abort(new ErrandError(code, message));
  }
}
